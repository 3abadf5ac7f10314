"""Our certificate and its key as files hold them, PEM or PKCS#12 (.p12, .pfx), for TLS and for whoever reads the dates.

Python's TLS takes PEM, by the path of a file. So what a PKCS#12 file holds goes through a file of our own: in memory,
or, where there is no such thing, in a folder that nobody else may enter, removed at once. Its key is encrypted there
with a password that nobody but this call knows.
"""

from __future__ import annotations

import os
import re
import secrets
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12KeyAndCertificates
    from cryptography.x509 import Certificate

SUFFIXES: Final = (".p12", ".pfx")
# A SEQUENCE, of any length, that begins with the version, 3 (RFC 7292, 4): a certificate by itself begins otherwise.
_PKCS12: Final = re.compile(rb"\x30(?:[\x00-\x80]|\x81.|\x82..|\x83...|\x84....)\x02\x01\x03", re.DOTALL)
_MISSING: Final = (
    "it is PKCS#12, and the library that opens it is not installed: `pip install 'ei-relay[pkcs12]'`, or turn it into "
    "PEM with `openssl pkcs12 -in FILE -out FILE.pem`"
)
_UNOPENED: Final = "it is PKCS#12 and cannot be opened: its password is missing or wrong, or it is damaged"


def is_pkcs12(path: str | Path) -> bool:
    """Whether the file is PKCS#12, whatever it is called. Raises OSError."""
    with Path(path).open("rb") as file:
        return _PKCS12.match(file.read(16)) is not None


def password_now(password: str, file: str | Path | None) -> str:
    """The password given, or what its file says now. Raises OSError, and ValueError where it is no text."""
    if not file:
        return password
    try:
        return Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"the password's file {file} is not UTF-8 text") from None


def certificates(path: str | Path, password: str = "") -> str:
    """A file's text in PEM, which of a PKCS#12 file is its certificates, ours first.

    Raises OSError, and ValueError for a PKCS#12 file that cannot be opened.
    """
    if not is_pkcs12(path):
        return Path(path).read_text(encoding="latin-1")
    return b"".join(map(_pem, _chain(_opened(path, password)))).decode("ascii")


def load(context: ssl.SSLContext, certificate: str | Path, key: str | Path | None, password: str = "") -> None:
    """Give a TLS context our certificate and key. A PKCS#12 file has both, and then `key` is not looked at.

    Raises ssl.SSLError and OSError as `load_cert_chain`, and ValueError for a PKCS#12 file that cannot be opened.
    """
    if not is_pkcs12(certificate):
        # Always a password, or OpenSSL would ask for one on the terminal and the call would hang.
        context.load_cert_chain(certificate, key, password=password)
        return
    from cryptography.hazmat.primitives import serialization

    opened = _opened(certificate, password)
    if opened.key is None:
        raise ValueError("it is PKCS#12 without a private key")
    once = secrets.token_hex(32)
    sealed = serialization.BestAvailableEncryption(once.encode())
    pem = opened.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)
    with _as_file(pem + b"".join(map(_pem, _chain(opened)))) as path:
        context.load_cert_chain(path, password=once)


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        with os.fdopen(os.memfd_create("certificate"), "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.TemporaryDirectory(prefix="ei-relay-") as folder:  # 0700
        path = Path(folder) / "certificate"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        yield str(path)


def _opened(path: str | Path, password: str) -> PKCS12KeyAndCertificates:
    try:
        from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
    except ModuleNotFoundError:
        raise ValueError(_MISSING) from None
    content = Path(path).read_bytes()
    for tried in [password.encode()] if password else [b"", None]:  # no password is written in either way
        try:
            opened = load_pkcs12(content, tried)
        except ValueError:
            continue
        if opened.cert is None:
            raise ValueError("it is PKCS#12 without a certificate that belongs to its key")
        return opened
    raise ValueError(_UNOPENED)


def _chain(opened: PKCS12KeyAndCertificates) -> Iterator[Certificate]:
    """Ours, then its issuer, and so on; the file has them in any order, and perhaps others."""
    assert opened.cert is not None
    last = opened.cert.certificate
    others = [each.certificate for each in opened.additional_certs]
    yield last
    while last.issuer != last.subject:
        issuer = next((each for each in others if each.subject == last.issuer), None)
        if issuer is None:
            return
        others.remove(issuer)
        last = issuer
        yield last


def _pem(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)
