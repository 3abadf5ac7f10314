"""Certificates made for a test, in files as an operator, or Kubernetes, keeps and renews them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization

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
