"""What the work could not do with the index, the check refuses: on a real server."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from relay.report.probe import Verdict
from tests.cli.probing import settings_for, verdict_on
from tests.index.certificates import pkcs12_of
from tests.index.servers import serve, tunnelling


@contextmanager
def shaking_hands(context: ssl.SSLContext) -> Iterator[int]:
    """A server that shakes hands with whoever comes, and holds the connection until it is let go."""

    def hold(peer: Any, _number: int) -> None:
        with closing(peer):
            peer.recv(1)

    with serve(hold, context) as server:
        yield server.port


def on_index(tmp_path: Path, server: trustme.CA, trusted: trustme.CA, bundle: list[bytes]) -> Verdict:
    (tmp_path / "ca.pem").write_bytes(b"".join(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.issue_cert("127.0.0.1").configure_cert(context)
    trusted.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with shaking_hands(context) as port:
        files = {"client_certificate": "tls.pem", "client_key": "tls.pem", "ca_bundle": "ca.pem"}
        settings = settings_for(tmp_path, index={"url": f"https://127.0.0.1:{port}/", **files})
        return verdict_on("engagement_index.i.url", settings)


def test_a_bundle_of_the_intermediate_alone_is_trusted(tmp_path: Path) -> None:
    """The operator put it there: it need not lead to a root."""
    root = trustme.CA()
    middle = root.create_child_ca()
    middle.issue_cert("relay.example").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "tls.pem"))

    outcome = on_index(tmp_path, middle, root, [middle.cert_pem.bytes()])

    assert outcome.ok, outcome


def test_the_way_through_a_proxy_is_the_one_of_calls(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("relay.example").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "tls.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    files = {"client_certificate": "tls.pem", "client_key": "tls.pem", "ca_bundle": "ca.pem"}

    def refuse(peer: Any, _number: int) -> None:
        with closing(peer):
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    with shaking_hands(context) as port, serve(tunnelling(port)) as open_, serve(refuse) as closed:

        def asked(proxy: int) -> Verdict:
            index = {"url": f"https://127.0.0.1:{port}/", "proxy": f"http://127.0.0.1:{proxy}", **files}
            return verdict_on("engagement_index.i.url", settings_for(tmp_path, index=index))

        through, refused = asked(open_.port), asked(closed.port)

    assert through.ok, through
    assert "through the proxy" in through.text
    assert not refused.ok
    assert "The proxy does not connect us" in refused.text


def test_pkcs12_is_tried_as_it_is_used(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    ours = authority.create_child_ca().issue_cert("relay.example")
    (tmp_path / "function.p12").write_bytes(pkcs12_of(ours, b"sesam"))
    (tmp_path / "password").write_text("sesam\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with shaking_hands(context) as port:
        files = {"client_certificate": "function.p12", "client_key_password_file": "password", "ca_bundle": "ca.pem"}
        settings = settings_for(tmp_path, index={"url": f"https://127.0.0.1:{port}/", **files})
        outcome = verdict_on("engagement_index.i.url", settings)

    assert outcome.ok, outcome
    assert "certificates accepted" in outcome.text


@pytest.mark.parametrize(
    ("begins", "ends", "purposes", "says"),
    [
        (-9, -1, [ExtendedKeyUsageOID.CLIENT_AUTH], "expired at"),
        (1, 9, [ExtendedKeyUsageOID.CLIENT_AUTH], "is not valid until"),
        (-9, 90, [ExtendedKeyUsageOID.SERVER_AUTH], "lacks clientAuth"),
    ],
)
def test_a_certificate_that_nobody_would_take(
    tmp_path: Path, begins: int, ends: int, purposes: list[x509.ObjectIdentifier], says: str
) -> None:
    authority = trustme.CA()
    (tmp_path / "tls.pem").write_bytes(function_certificate(begins, ends, purposes))

    outcome = on_index(tmp_path, authority, authority, [authority.cert_pem.bytes()])

    assert (outcome.ok, outcome.account) == (False, "SE2321000016-ABCD, relay.example")
    assert says in outcome.text


def test_the_check_accepts_a_server_whose_authority_has_no_key_identifiers(tmp_path: Path) -> None:
    """As calls do: Python 3.13's strict verification would refuse it."""
    (tmp_path / "tls.pem").write_bytes(function_certificate(-1, 90, [ExtendedKeyUsageOID.CLIENT_AUTH]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    key, plain = plain_authority()
    (tmp_path / "server.pem").write_bytes(function_certificate(-1, 90, [ExtendedKeyUsageOID.SERVER_AUTH], key, plain))
    (tmp_path / "ca.pem").write_bytes(plain.public_bytes(serialization.Encoding.PEM))
    context.load_cert_chain(tmp_path / "server.pem")
    with shaking_hands(context) as port:
        files = {"client_certificate": "tls.pem", "client_key": "tls.pem", "ca_bundle": "ca.pem"}
        settings = settings_for(tmp_path, index={"url": f"https://127.0.0.1:{port}/", **files})
        outcome = verdict_on("engagement_index.i.url", settings)

    assert outcome.ok, outcome
    assert outcome.account == "SE2321000016-ABCD, relay.example"


def plain_authority() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A root without any key identifier, as old ones are."""
    key, name, now = ec.generate_private_key(ec.SECP256R1()), named("a region's root"), moment()
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(99))
    return key, builder.add_extension(x509.BasicConstraints(True, None), critical=False).sign(key, hashes.SHA256())


def function_certificate(
    begins: int,
    ends: int,
    purposes: list[x509.ObjectIdentifier],
    authority_key: ec.EllipticCurvePrivateKey | None = None,
    authority: x509.Certificate | None = None,
) -> bytes:
    """Key and certificate, as a region's function certificate names its owner."""
    key, now = ec.generate_private_key(ec.SECP256R1()), moment()
    name = named("relay.example", "SE2321000016-ABCD")
    builder = x509.CertificateBuilder(
        authority.subject if authority else name, name, key.public_key(), x509.random_serial_number(),
        now + datetime.timedelta(begins), now + datetime.timedelta(ends),
    )  # fmt: skip
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    certificate = builder.add_extension(address, critical=False).sign(authority_key or key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def named(common: str, serial: str = "") -> x509.Name:
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    return x509.Name([*([x509.NameAttribute(NameOID.SERIAL_NUMBER, serial)] if serial else []), *names])


def moment() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
