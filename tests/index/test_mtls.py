"""Mutual TLS with real certificates and a real server (R-37)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from relay.index import connection
from relay.index.certificate import validity
from relay.index.endpoint import Endpoint
from relay.index.transport import NoAnswerError, Transport
from relay.index.verdict import Failure
from tests.index.certificates import DAY, NOW, Files, Pkcs12
from tests.index.servers import OK, Server, answering, nothing, read_request, serve, tunnelling


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may be slow to refuse; one that accepts ends the wait at once."""
    monkeypatch.setattr(connection, "REFUSAL_WAIT", 5.0)


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA) -> Files:
    files = Files(tmp_path, authority)
    files.write(authority.issue_cert("relay.example"))
    return files


def server_context(
    authority: trustme.CA, issued: trustme.LeafCert, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    issued.configure_cert(context)
    authority.configure_trust(context)
    return context


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def server(request: pytest.FixtureRequest, authority: trustme.CA) -> Iterator[Server]:
    context = server_context(authority, authority.issue_cert("127.0.0.1"), request.param)
    with serve(answering(OK), context) as server:
        yield server


def call(target: Endpoint) -> int:
    transport = Transport(target)
    try:
        return transport.post(b"x" * 300_000, {}, nothing).status
    finally:
        transport.close()


def refused(target: Endpoint) -> str:
    """The words for a call that fails for a certificate: nothing of it was sent."""
    with pytest.raises(NoAnswerError) as error:
        call(target)
    assert (error.value.failure, error.value.sent) == (Failure.TLS, False), str(error.value)
    return str(error.value)


def test_given_the_right_certificates_then_the_call_passes(server: Server, files: Files) -> None:
    assert call(files.endpoint(server.url)) == 200


def test_given_no_client_certificate_then_the_words_say_so(server: Server, files: Files) -> None:
    words = refused(files.endpoint(server.url, client_certificate="", client_key=""))
    assert "client certificate" in words


def test_given_a_refusal_that_comes_late_then_the_call_counts_as_sent(
    files: Files, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the alert overtakes the reset it is still understood; else the connection is lost."""
    monkeypatch.setattr(connection, "_hear_refusal", lambda connected: None)
    context = server_context(authority, authority.issue_cert("127.0.0.1"))
    with serve(answering(OK), context) as server, pytest.raises(NoAnswerError) as error:
        call(files.endpoint(server.url, client_certificate="", client_key=""))
    assert error.value.failure in (Failure.TLS, Failure.LOST)
    assert error.value.sent


def test_given_a_client_certificate_of_another_issuer_then_the_peer_does_not_trust_it(
    server: Server, files: Files
) -> None:
    files.write(trustme.CA().issue_cert("relay.example"))
    assert "does not trust the issuer of our client certificate" in refused(files.endpoint(server.url))


def test_given_an_expired_client_certificate_then_it_is_named_with_its_date(
    server: Server, files: Files, authority: trustme.CA
) -> None:
    files.write(authority.issue_cert("relay.example", not_before=NOW - 9 * DAY, not_after=NOW - DAY))
    words = refused(files.endpoint(server.url))
    assert f"{files.certificate} expired at {NOW - DAY:%Y-%m-%d}" in words
    assert server.connections == 0


def test_given_a_client_certificate_of_tomorrow_then_it_is_named_with_its_date(
    server: Server, files: Files, authority: trustme.CA
) -> None:
    files.write(authority.issue_cert("relay.example", not_before=NOW + DAY, not_after=NOW + 9 * DAY))
    assert f"is not valid until {NOW + DAY:%Y-%m-%d}" in refused(files.endpoint(server.url))


@pytest.mark.parametrize(
    ("name", "start", "end", "words"),
    [
        ("127.0.0.1", -9, -1, "The peer's certificate has expired"),
        ("127.0.0.1", 1, 9, "The peer's certificate is not valid yet"),
        ("127.0.0.2", -1, 9, "The peer's certificate is for another IP address"),
    ],
)
def test_given_a_wrong_certificate_of_the_peer_then_the_words_say_what_is_wrong(
    files: Files, authority: trustme.CA, name: str, start: int, end: int, words: str
) -> None:
    issued = authority.issue_cert(name, not_before=NOW + start * DAY, not_after=NOW + end * DAY)
    with serve(answering(OK), server_context(authority, issued)) as server:
        assert words in refused(files.endpoint(server.url))


def test_given_a_peer_with_another_host_name_then_the_words_say_so(files: Files, authority: trustme.CA) -> None:
    with serve(answering(OK), server_context(authority, authority.issue_cert("other.example"))) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        assert "is for another host name" in refused(files.endpoint(url))


@pytest.mark.parametrize("bundle", ["another", "system"])
def test_given_a_peer_of_an_issuer_we_do_not_know_then_the_words_say_so(
    server: Server, files: Files, bundle: str
) -> None:
    trustme.CA().cert_pem.write_to_path(str(files.ca))
    target = files.endpoint(server.url, **({} if bundle == "another" else {"ca_bundle": ""}))
    assert "comes from an issuer that is not in the CA bundle" in refused(target)


def test_given_a_peer_with_only_an_old_tls_then_the_words_say_so(files: Files, authority: trustme.CA) -> None:
    context = server_context(authority, authority.issue_cert("127.0.0.1"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with serve(answering(OK), context) as server:
        assert "no TLS version in common" in refused(files.endpoint(server.url))


def test_given_a_peer_without_tls_then_the_words_say_so(files: Files) -> None:
    def plain(peer: socket.socket, number: int) -> None:
        peer.recv(1000)
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with serve(plain) as server:
        url = server.url.replace("http:", "https:")
        assert "does not speak TLS" in refused(files.endpoint(url))


def test_given_a_key_that_does_not_fit_then_both_files_are_named(
    server: Server, files: Files, authority: trustme.CA
) -> None:
    authority.issue_cert("relay.example").private_key_pem.write_to_path(str(files.key))
    words = refused(files.endpoint(server.url))
    assert f"{files.key} does not belong to the certificate {files.certificate}" in words


def test_given_an_encrypted_key_then_the_right_password_opens_it(
    server: Server, files: Files, authority: trustme.CA
) -> None:
    files.write(authority.issue_cert("relay.example"), password=b"sesam")
    assert call(files.endpoint(server.url, client_key_password="sesam")) == 200


@pytest.mark.parametrize("password", ["wrong", "", None])
def test_given_an_encrypted_key_and_no_right_password_then_nobody_is_asked_for_it(
    server: Server, files: Files, authority: trustme.CA, password: str | None
) -> None:
    files.write(authority.issue_cert("relay.example"), password=b"sesam")
    words = refused(files.endpoint(server.url, client_key_password=password))
    assert f"{files.key} cannot be decrypted" in words
    assert "wrong" not in words.replace("missing or wrong", "")


def test_given_pkcs12_then_the_call_passes_and_a_renewal_brings_its_own_password(
    tmp_path: Path, server: Server, authority: trustme.CA
) -> None:
    """Its intermediate comes along: the server knows the root alone."""
    files = Pkcs12(tmp_path, authority)
    files.write(authority.create_child_ca().issue_cert("relay.example"), password=b"sesam")
    transport = Transport(files.endpoint(server.url))
    assert transport.post(b"x", {}, nothing).status == 200

    files.write(authority.create_child_ca().issue_cert("relay.example"), password=b"a new one")
    assert transport.post(b"x", {}, nothing).status == 200

    files.password.write_text("wrong")
    with pytest.raises(NoAnswerError, match=r"function\.p12: it is PKCS#12 and cannot be opened") as error:
        transport.post(b"x", {}, nothing)
    assert (error.value.failure, error.value.sent) == (Failure.TLS, False)
    files.password.unlink()
    with pytest.raises(NoAnswerError, match=f"password file {files.password} cannot be read"):
        transport.post(b"x", {}, nothing)
    transport.close()


def test_given_pkcs12_for_the_key_alone_then_the_words_say_where_it_goes(
    tmp_path: Path, server: Server, files: Files, authority: trustme.CA
) -> None:
    both = Pkcs12(tmp_path, authority)
    both.write(authority.issue_cert("relay.example"))
    words = refused(files.endpoint(server.url, client_key=str(both.certificate)))
    assert "let client_certificate name it" in words


@pytest.mark.parametrize("name", ["certificate", "key", "ca"])
@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERT", b"\xff\x00"])
def test_given_a_file_missing_or_half_written_then_it_is_named_and_the_whole_one_used_next(
    server: Server, files: Files, name: str, content: bytes | None
) -> None:
    path: Path = getattr(files, name)
    whole = path.read_bytes()
    transport = Transport(files.endpoint(server.url))
    assert transport.post(b"x", {}, nothing).status == 200
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(NoAnswerError, match=str(path)) as error:
        transport.post(b"x", {}, nothing)
    assert (error.value.failure, error.value.sent) == (Failure.TLS, False)
    path.write_bytes(whole)
    assert transport.post(b"x", {}, nothing).status == 200
    transport.close()


def test_given_a_renewed_certificate_then_the_next_call_uses_it(files: Files, authority: trustme.CA) -> None:
    """Without a restart, and in spite of a connection kept alive with the old one."""
    seen: list[int] = []

    def note(peer: socket.socket, number: int) -> None:
        assert isinstance(peer, ssl.SSLSocket)
        certificate = peer.getpeercert()
        assert certificate is not None
        while read_request(peer):
            seen.append(certificate["serialNumber"])  # type: ignore[arg-type]
            peer.sendall(OK)

    with serve(note, server_context(authority, authority.issue_cert("127.0.0.1"))) as server:
        transport = Transport(files.endpoint(server.url))
        for renewal in (False, False, True, False):
            if renewal:
                files.write(authority.issue_cert("relay.example"))
            transport.post(b"x", {}, nothing)
        transport.close()
    assert seen[0] == seen[1] != seen[2] == seen[3]


@pytest.mark.parametrize("when", ["before", "during"])
def test_given_a_handshake_broken_by_the_network_then_nothing_was_sent(files: Files, when: str) -> None:
    def break_off(peer: socket.socket, number: int) -> None:
        if when == "during":
            peer.recv(1000)

    with serve(break_off) as server, pytest.raises(NoAnswerError) as error:
        call(files.endpoint(server.url.replace("http:", "https:")))
    assert (error.value.failure, error.value.sent) == (Failure.HANDSHAKE, False)


def test_given_a_proxy_then_tls_goes_through_its_tunnel(server: Server, files: Files) -> None:
    with serve(tunnelling(server.port)) as proxy:
        assert call(files.endpoint(server.url, proxy=f"http://127.0.0.1:{proxy.port}")) == 200


def test_given_proxies_in_the_environment_then_calls_do_not_heed_them(
    server: Server, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way to each index is in its own settings: one without a proxy is what no_proxy is elsewhere."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert call(files.endpoint(server.url)) == 200


def test_given_a_server_of_many_names_then_it_is_told_which_one_is_meant(files: Files, authority: trustme.CA) -> None:
    context, asked = server_context(authority, authority.issue_cert("localhost")), list[str | None]()
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with serve(answering(OK), context) as server:
        assert call(files.endpoint(server.url.replace("127.0.0.1", "localhost"))) == 200
    assert asked == ["localhost"]


def test_given_a_proxy_that_refuses_then_nothing_was_sent(files: Files) -> None:
    def refuse(peer: socket.socket, number: int) -> None:
        peer.recv(1000)
        peer.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

    with serve(refuse) as proxy, pytest.raises(NoAnswerError) as error:
        call(files.endpoint("https://index.invalid/", proxy=f"http://127.0.0.1:{proxy.port}"))
    assert (error.value.failure, error.value.sent) == (Failure.PROXY, False)


def test_given_a_certificate_file_then_its_dates_are_read(files: Files, authority: trustme.CA) -> None:
    start, end = datetime(2024, 2, 29, 1, 2, 3, tzinfo=UTC), datetime(2051, 12, 31, 23, 59, 59, tzinfo=UTC)
    files.write(authority.issue_cert("relay.example", not_before=start, not_after=end))
    assert validity(str(files.certificate)) == (start, end)


@pytest.mark.parametrize("content", ["", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----"])
def test_given_a_file_without_a_certificate_then_the_error_says_so(tmp_path: Path, content: str) -> None:
    (tmp_path / "x").write_text(content)
    with pytest.raises(ValueError, match="certificate"):
        validity(str(tmp_path / "x"))
