"""Mutual TLS against nginx in front of a practice index: each way it can be wrong, in the operator's words (R-37)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from relay.index.client import IndexClient
from relay.index.endpoint import Endpoint
from relay.index.verdict import Kind, Verdict
from relay.sandbox.server import Sandbox
from tests.index.certificates import DAY, NOW, Files, MountedSecret, issue
from tests.index.nginx import NEEDS_NGINX, Nginx
from tests.index.servers import SAVE, nothing, serve, tunnelling

pytestmark = NEEDS_NGINX


@pytest.fixture
def nginx(tmp_path: Path, sandbox: Sandbox, authority: trustme.CA) -> Iterator[Nginx]:
    with Nginx(tmp_path / "nginx", sandbox.url, authority, issue(authority, "127.0.0.1")) as nginx:
        yield nginx


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA) -> Files:
    folder = tmp_path / "files"
    folder.mkdir()
    files = Files(folder, authority)
    files.write(issue(authority))
    return files


def target(files: Files, nginx: Nginx, sandbox: Sandbox, **more: object) -> Endpoint:
    return files.endpoint(nginx.url + sandbox.update_url.removeprefix(sandbox.url), **more)


def call(client: IndexClient) -> Verdict:
    return client.update([SAVE], correlation_id="c-1", before_first_byte=nothing)


def verdict_on(endpoint: Endpoint) -> Verdict:
    client = IndexClient(endpoint)
    try:
        return call(client)
    finally:
        client.close()


def refused(endpoint: Endpoint, sandbox: Sandbox, code: str = "TLS") -> str:
    """The words of a verdict that blocks the lane and costs the posts nothing; the index has seen no call."""
    verdict = verdict_on(endpoint)
    assert (verdict.kind, verdict.code, verdict.in_doubt) == (Kind.CONFIGURATION, code, False), verdict
    assert verdict.sent == (code != "TLS")
    assert sandbox.core.calls() == []
    return verdict.text


@pytest.mark.parametrize("protocols", ["TLSv1.2", "TLSv1.3"])
def test_given_the_right_certificates_then_the_index_has_the_post(
    tmp_path: Path, sandbox: Sandbox, files: Files, authority: trustme.CA, protocols: str
) -> None:
    issued = issue(authority, "127.0.0.1")
    with Nginx(tmp_path / "nginx", sandbox.url, authority, issued, protocols) as nginx:
        assert verdict_on(target(files, nginx, sandbox)) == Verdict(Kind.ACCEPTED, "OK", "OK")
    assert len(sandbox.core.posts()) == 1


@pytest.mark.parametrize("protocols", ["TLSv1.2", "TLSv1.3"])
def test_given_no_client_certificate_then_nginx_s_400_is_explained(
    tmp_path: Path, sandbox: Sandbox, files: Files, authority: trustme.CA, protocols: str
) -> None:
    """nginx shakes hands all the same and refuses the request."""
    issued = issue(authority, "127.0.0.1")
    with Nginx(tmp_path / "nginx", sandbox.url, authority, issued, protocols) as nginx:
        endpoint = target(files, nginx, sandbox, client_certificate="", client_key="")
        words = refused(endpoint, sandbox, "HTTP400")
    assert words.startswith("HTTP 400 (the address, or a client certificate that is missing or not accepted)")


def test_given_a_client_certificate_of_another_issuer_then_nginx_s_400_is_explained(
    nginx: Nginx, sandbox: Sandbox, files: Files
) -> None:
    files.write(issue(trustme.CA()))
    words = refused(target(files, nginx, sandbox), sandbox, "HTTP400")
    assert words.startswith("HTTP 400 (the address, or a client certificate that is missing or not accepted)")


def test_given_an_expired_client_certificate_then_it_is_named_with_its_date_and_nobody_is_called(
    nginx: Nginx, sandbox: Sandbox, files: Files, authority: trustme.CA
) -> None:
    files.write(issue(authority, start=-9, end=-1))
    words = refused(target(files, nginx, sandbox), sandbox)
    assert words == f"The client certificate {files.certificate} expired at {NOW - DAY:%Y-%m-%d %H:%M} UTC"
    assert nginx.seen(0) == []


def test_given_a_client_certificate_of_tomorrow_then_it_is_named_with_its_date_and_nobody_is_called(
    nginx: Nginx, sandbox: Sandbox, files: Files, authority: trustme.CA
) -> None:
    files.write(issue(authority, start=1))
    words = refused(target(files, nginx, sandbox), sandbox)
    assert words == f"The client certificate {files.certificate} is not valid until {NOW + DAY:%Y-%m-%d %H:%M} UTC"
    assert nginx.seen(0) == []


@pytest.mark.parametrize(
    ("name", "start", "end", "words"),
    [
        ("127.0.0.1", -9, -1, "The peer's certificate has expired"),
        ("127.0.0.1", 1, 9, "The peer's certificate is not valid yet"),
        ("127.0.0.2", -1, 9, "The peer's certificate is for another IP address"),
        ("other.example", -1, 9, "The peer's certificate is for another host name"),
    ],
)
def test_given_a_wrong_certificate_of_nginx_then_the_words_say_what_is_wrong(
    tmp_path: Path, sandbox: Sandbox, files: Files, authority: trustme.CA, name: str, start: int, end: int, words: str
) -> None:
    issued = issue(authority, name, start=start, end=end)
    with Nginx(tmp_path / "nginx", sandbox.url, authority, issued) as nginx:
        endpoint = target(files, nginx, sandbox)
        if "host name" in words:
            endpoint = files.endpoint(endpoint.url.replace("127.0.0.1", "localhost"))
        assert refused(endpoint, sandbox).startswith(f"{words} (")


def test_given_a_server_of_an_issuer_we_do_not_trust_then_the_words_say_so(
    nginx: Nginx, sandbox: Sandbox, files: Files
) -> None:
    trustme.CA().cert_pem.write_to_path(str(files.ca))
    words = refused(target(files, nginx, sandbox), sandbox)
    assert words.startswith("The peer's certificate comes from an issuer that is not in the CA bundle (127.0.0.1:")


def test_given_a_key_that_does_not_fit_then_both_files_are_named(
    nginx: Nginx, sandbox: Sandbox, files: Files, authority: trustme.CA
) -> None:
    issue(authority).private_key_pem.write_to_path(str(files.key))
    words = refused(target(files, nginx, sandbox), sandbox)
    assert words == f"The client key {files.key} does not belong to the certificate {files.certificate}"


@pytest.mark.parametrize("mounted", [False, True], ids=["files written over", "links of Kubernetes"])
def test_given_a_renewed_certificate_then_the_next_call_uses_it(
    tmp_path: Path, nginx: Nginx, sandbox: Sandbox, authority: trustme.CA, mounted: bool
) -> None:
    """Without a restart, in spite of a connection that nginx and we keep alive."""
    folder = tmp_path / "secret"
    folder.mkdir()
    files = (MountedSecret if mounted else Files)(folder, authority)
    first, second = issue(authority), issue(authority)
    # Given a client that has called, and keeps its connection
    files.write(first)
    client = IndexClient(target(files, nginx, sandbox))
    codes = [call(client).code for _ in range(2)]
    # When the certificate is renewed
    files.write(second)
    codes += [call(client).code for _ in range(2)]
    client.close()
    # Then each call came with the certificate of its time
    serials = [_serial(first)] * 2 + [_serial(second)] * 2
    assert nginx.seen(4) == [(serial, 200) for serial in serials]
    assert codes == ["OK"] * 4


def test_given_a_mounted_secret_half_way_through_its_renewal_then_the_old_one_is_still_used(
    tmp_path: Path, nginx: Nginx, sandbox: Sandbox, authority: trustme.CA
) -> None:
    files = MountedSecret(tmp_path, authority)
    first = issue(authority)
    files.write(first)
    client = IndexClient(target(files, nginx, sandbox))
    files.prepare(issue(authority))
    assert call(client).code == "OK"
    client.close()
    assert nginx.seen(1) == [(_serial(first), 200)]


def test_given_an_outbound_proxy_then_mutual_tls_goes_through_its_tunnel(
    nginx: Nginx, sandbox: Sandbox, files: Files
) -> None:
    with serve(tunnelling(nginx.port)) as proxy:
        verdict = verdict_on(target(files, nginx, sandbox, proxy=f"http://127.0.0.1:{proxy.port}"))
        assert proxy.connections == 1
    assert verdict.kind is Kind.ACCEPTED
    assert nginx.seen(1)[0][1] == 200


def test_given_a_proxy_that_will_not_connect_us_then_the_lane_tries_again_later(
    nginx: Nginx, sandbox: Sandbox, files: Files
) -> None:
    """R-35: a proxy that is wrong or down is no fault of the posts, and nothing was sent."""
    with serve(tunnelling(nginx.port + 1)) as proxy:
        verdict = verdict_on(target(files, nginx, sandbox, proxy=f"http://127.0.0.1:{proxy.port}"))
    assert (verdict.kind, verdict.code, verdict.sent) == (Kind.TEMPORARY, "PROXY", False)
    assert verdict.text == f"The proxy does not connect us to 127.0.0.1:{nginx.port}"
    assert nginx.seen(0) == []


def _serial(issued: trustme.LeafCert) -> int:
    return x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes()).serial_number
