"""From a wrong certificate to a blocked lane, a renewed one, a probe and an open lane: through nginx, all of it (R-37).

Everything is as an operator has it: settings in TOML and a passphrase in a file, an outbox, `ei-relay status`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from relay.flow.delivery.step import deliver
from relay.flow.schedule.due import due_work
from relay.index.verdict import Kind
from relay.sandbox.server import Sandbox
from tests.flow.site import LANE, FlowSite
from tests.index.certificates import Files, MountedSecret, Pkcs12, issue
from tests.index.nginx import NEEDS_NGINX, Nginx

pytestmark = NEEDS_NGINX


@pytest.fixture(params=[Files, MountedSecret], ids=["files", "kubernetes"])
def files(request: pytest.FixtureRequest, tmp_path: Path, authority: trustme.CA) -> Files:
    folder = tmp_path / "secret"
    folder.mkdir()
    files: Files = request.param(folder, authority)
    return files


NewSite = Callable[..., FlowSite]


@pytest.fixture
def new_site(tmp_path: Path, sandbox: Sandbox, files: Files, authority: trustme.CA) -> Iterator[NewSite]:
    """Makes a site whose index stands behind nginx; the certificate files must be there."""
    sites = []
    with Nginx(tmp_path / "nginx", sandbox.url, authority, issue(authority, "127.0.0.1")) as nginx:

        def make(environ: dict[str, str] | None = None) -> FlowSite:
            url = nginx.url + sandbox.update_url.removeprefix(sandbox.url)
            named = {"client_certificate": files.certificate, "client_key": files.key, "ca_bundle": files.ca}
            sites.append(FlowSite(tmp_path, environ, url=url, **named))
            return sites[-1]

        yield make
        for site in sites:
            site.close()


def expired(authority: trustme.CA) -> trustme.LeafCert:
    return issue(authority, start=-9, end=-1)


def of_another_issuer(authority: trustme.CA) -> trustme.LeafCert:
    return issue(trustme.CA())


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        (expired, "TLS", "tls.crt expired at "),
        (of_another_issuer, "HTTP400", "a client certificate that is missing or not accepted"),
    ],
)
def test_given_a_wrong_certificate_then_the_lane_waits_and_goes_on_when_it_is_renewed(
    new_site: NewSite,
    sandbox: Sandbox,
    files: Files,
    authority: trustme.CA,
    wrong: Callable[[trustme.CA], trustme.LeafCert],
    code: str,
    words: str,
) -> None:
    # Given two bookings taken in, and a certificate that is no good
    files.write(wrong(authority))
    site = new_site()
    for number in (1, 2):
        site.insert(f"b-{number}")
    assert site.take_in().lanes == {LANE}
    # When the lane calls
    before = datetime.now(UTC)
    verdict = deliver(site.relay, LANE)
    # Then it is blocked, and the operator sees why and since when
    assert verdict is not None
    assert verdict.kind is Kind.CONFIGURATION
    status = site.status()
    [lane] = status["lanes"]
    assert (lane["state"], lane["code"], lane["pending"], lane["failures"]) == ("blocked", code, 2, 0)
    assert words in lane["text"]
    assert before <= datetime.fromisoformat(lane["since"]) <= datetime.now(UTC)
    assert f"lane {LANE} is blocked {code} since {lane['since'][:16].replace('T', ' ')}Z" in status["wrong"]
    # And it keeps still, while intake goes on
    assert due_work(site.relay).blocked == []
    site.insert("b-3")
    site.take_in()
    assert due_work(site.relay).blocked == []
    assert site.ask("SELECT outcome FROM ei_outbox") == [("taken",)] * 3
    # And no post was parked or charged for it
    assert site.ask(
        "SELECT DISTINCT parked_code, attempts, known, sent_at IS NULL OR ? FROM ei_post", code != "TLS"
    ) == [(None, 0, "", 1)]
    # When the certificate is renewed
    files.write(issue(authority))
    # Then the next look at the schedule says so; one post asks, and its success opens the lane for the others
    assert due_work(site.relay).blocked == [LANE]
    while deliver(site.relay, LANE) is not None:
        pass
    calls = sandbox.core.calls()
    assert calls[0]["posts"] == 1
    assert len(sandbox.core.posts()) == sum(call["posts"] for call in calls)
    status = site.status()
    [lane] = status["lanes"]
    assert (lane["state"], lane["code"], lane["since"], lane["text"]) == ("open", None, None, None)
    assert [line for line in status["wrong"] if "start the workers" not in line] == []  # there are none here
    assert site.ask("SELECT DISTINCT parked_code, attempts FROM ei_post") == [(None, 0)]
    assert sandbox.core.breaches() == []


def test_given_a_renewed_certificate_that_is_wrong_too_then_the_lane_asks_once_for_each(
    new_site: NewSite, files: Files, authority: trustme.CA
) -> None:
    """R-35: a renewal is asked about once, not at every look."""
    files.write(expired(authority))
    site = new_site()
    site.insert("b-1")
    site.take_in()
    deliver(site.relay, LANE)
    since = site.status()["lanes"][0]["since"]
    files.write(expired(authority))
    assert due_work(site.relay).blocked == [LANE]
    deliver(site.relay, LANE)
    assert due_work(site.relay).blocked == []
    assert site.status()["lanes"][0]["since"] == since


def test_given_an_encrypted_key_then_the_passphrase_of_a_file_opens_it(
    tmp_path: Path, new_site: NewSite, sandbox: Sandbox, files: Files, authority: trustme.CA
) -> None:
    files.write(issue(authority), password=b"sesam")
    (tmp_path / "passphrase").write_text("sesam\n")
    name = "EI_RELAY_ENGAGEMENT_INDEX__NATIONAL__CLIENT_KEY_PASSWORD_FILE"
    site = new_site({name: str(tmp_path / "passphrase")})
    site.insert("b-1")
    site.take_in()
    verdict = deliver(site.relay, LANE)
    assert verdict is not None
    assert verdict.kind is Kind.ACCEPTED, verdict
    assert len(sandbox.core.posts()) == 1


def test_given_pkcs12_that_has_expired_then_a_new_file_with_a_new_password_opens_the_lane(
    tmp_path: Path, sandbox: Sandbox, authority: trustme.CA
) -> None:
    files = Pkcs12(tmp_path, authority)
    files.write(expired(authority), password=b"sesam")
    with Nginx(tmp_path / "nginx", sandbox.url, authority, issue(authority, "127.0.0.1")) as nginx:
        url = nginx.url + sandbox.update_url.removeprefix(sandbox.url)
        named = {"client_certificate": files.certificate, "client_key_password_file": files.password}
        site = FlowSite(tmp_path, url=url, ca_bundle=files.ca, **named)
        site.insert("b-1")
        site.take_in()
        deliver(site.relay, LANE)
        assert "function.p12 expired at " in site.status()["lanes"][0]["text"]
        assert due_work(site.relay).blocked == []
        files.write(issue(authority), password=b"another")
        assert due_work(site.relay).blocked == [LANE]
        verdict = deliver(site.relay, LANE)
        assert verdict is not None
        assert verdict.kind is Kind.ACCEPTED, verdict
        assert "certificate" not in " ".join(site.status()["wrong"])
        site.close()


def test_given_an_encrypted_key_and_no_passphrase_then_the_lane_says_so_and_shows_nothing_of_it(
    new_site: NewSite, files: Files, authority: trustme.CA
) -> None:
    files.write(issue(authority), password=b"sesam")
    site = new_site({"EI_RELAY_ENGAGEMENT_INDEX__NATIONAL__CLIENT_KEY_PASSWORD": "other-word"})
    site.insert("b-1")
    site.take_in()
    deliver(site.relay, LANE)
    [lane] = site.status()["lanes"]
    assert (lane["state"], lane["code"]) == ("blocked", "TLS")
    assert lane["text"] == f"The client key {files.key} cannot be decrypted: its password is missing or wrong"
