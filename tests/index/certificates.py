"""Certificates made for a test, in files as an operator, or Kubernetes, keeps and renews them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from relay.index.endpoint import Endpoint
from tests.index.servers import endpoint

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def issue(authority: trustme.CA, name: str = "relay.example", *, start: int = -1, end: int = 99) -> trustme.LeafCert:
    """A certificate that is valid from `start` to `end`, in days from now. By default nobody is warned of its end."""
    return authority.issue_cert(name, not_before=NOW + start * DAY, not_after=NOW + end * DAY)


class Files:
    """A client's certificate files in a folder, written as a renewal would."""

    def __init__(self, folder: Path, authority: trustme.CA) -> None:
        self.certificate, self.key, self.ca = folder / "tls.crt", folder / "tls.key", folder / "ca.crt"
        authority.cert_pem.write_to_path(str(self.ca))

    def write(self, issued: trustme.LeafCert, password: bytes = b"") -> None:
        issued.cert_chain_pems[0].write_to_path(str(self.certificate))
        pem = issued.private_key_pem.bytes()
        if password:
            pem = serialization.load_pem_private_key(pem, None).private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(password),
            )
        self.key.write_bytes(pem)

    def endpoint(self, url: str, **more: object) -> Endpoint:
        named: dict[str, object] = {
            "client_certificate": str(self.certificate),
            "client_key": str(self.key),
            "ca_bundle": str(self.ca),
        }
        return endpoint(url, **(named | more))  # type: ignore[arg-type]


class Pkcs12(Files):
    """Both in one file, which stands for the certificate and the key; its password beside it, in a file too."""

    def __init__(self, folder: Path, authority: trustme.CA) -> None:
        super().__init__(folder, authority)
        self.certificate = self.key = folder / "function.p12"
        self.password = folder / "password"

    def write(self, issued: trustme.LeafCert, password: bytes = b"") -> None:
        self.password.write_bytes(password + b"\n")
        self.certificate.write_bytes(pkcs12_of(issued, password))

    def endpoint(self, url: str, **more: object) -> Endpoint:
        named: dict[str, object] = {"client_key": "", "client_key_password_file": str(self.password)}
        return super().endpoint(url, **(named | more))


def pkcs12_of(issued: trustme.LeafCert, password: bytes = b"", others: Sequence[bytes] = ()) -> bytes:
    """A PKCS#12 file of a certificate, its key and its chain, the last first, and `others` before them."""
    leaf, *chain = (x509.load_pem_x509_certificate(each.bytes()) for each in issued.cert_chain_pems)
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    sealed = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    known = [*map(x509.load_pem_x509_certificate, others), *reversed(chain)]
    return serialize_key_and_certificates(b"function", key, leaf, known, sealed)  # type: ignore[arg-type]


class MountedSecret(Files):
    """The same as Kubernetes mounts a secret: links to `..data`, itself a link that a renewal replaces at once."""

    def __init__(self, folder: Path, authority: trustme.CA) -> None:
        self._folder, self._authority, self._renewals = folder, authority, 0
        self.certificate, self.key, self.ca = (folder / name for name in ("tls.crt", "tls.key", "ca.crt"))
        for link in (self.certificate, self.key, self.ca):
            link.symlink_to(Path("..data") / link.name)

    def prepare(self, issued: trustme.LeafCert, password: bytes = b"") -> Path:
        """Write a new generation of the files, which nobody reads yet; the link to put in place."""
        self._renewals += 1
        generation = self._folder / f"..generation-{self._renewals}"
        generation.mkdir()
        Files(generation, self._authority).write(issued, password)
        link = self._folder / "..data_tmp"
        link.symlink_to(generation.name)
        return link

    def write(self, issued: trustme.LeafCert, password: bytes = b"") -> None:
        self.prepare(issued, password).replace(self._folder / "..data")
