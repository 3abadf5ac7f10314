"""When a certificate is valid, for whom and for what: read from its file, PEM or PKCS#12 (`relay.keyfiles`).

The standard library shows a certificate's dates only for a peer's, so the few bytes of DER that hold them are
walked here: Certificate → tbsCertificate → issuer, validity, subject, extensions (RFC 5280, 4.1).
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from relay.keyfiles import certificates
from relay.settings import EngagementIndex
from relay.settings.files import key_password

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_VERSION: Final = 0xA0  # [0] EXPLICIT, left out in version 1
_SERIAL_NUMBER: Final = bytes((0x55, 0x04, 0x05))  # 2.5.4.5
_COMMON_NAME: Final = bytes((0x55, 0x04, 0x03))  # 2.5.4.3
_EXTENSIONS: Final = 0xA3  # [3] EXPLICIT
_EXTENDED_KEY_USAGE: Final = bytes((0x55, 0x1D, 0x25))  # 2.5.29.37
_FOR_CLIENTS: Final = (bytes((0x2B, 6, 1, 5, 5, 7, 3, 2)), bytes((0x55, 0x1D, 0x25, 0)))  # clientAuth, any purpose
_LEAST_FIELDS: Final = 6  # serial number, algorithm, issuer, validity, subject, key
_UTC_TIME: Final = 0x17  # YYMMDDhhmmssZ; the other is GeneralizedTime, with four digits of year


class Validity(NamedTuple):
    """Both ends are aware and inclusive."""

    not_before: datetime
    not_after: datetime


def validity(path: str, password: str = "") -> Validity:
    """The validity of the first certificate in a file; the password is for PKCS#12.

    Raises OSError when the file cannot be read, ValueError when it holds no certificate or cannot be opened.
    """
    _serial, _algorithm, _issuer, (_, dates), *_ = _fields(path, password)
    try:
        return Validity(*map(_moment, _inside(dates)))
    except (IndexError, TypeError, ValueError):
        raise ValueError("The file's first certificate cannot be read") from None


def of_client(index: EngagementIndex) -> Validity:
    """The validity of the certificate that an index is called with, which is configured. Raises as `validity`."""
    return validity(str(index.client_certificate), key_password(index))


def subject(path: str, password: str = "") -> str:
    """Who a certificate is for: its serialNumber, where a function certificate has its HSA-id, and its common name.

    Raises as `validity` does.
    """
    _serial, _algorithm, _issuer, _validity, (_, name), *_ = _fields(path, password)
    said = _said(name)
    return ", ".join(said[kind] for kind in (_SERIAL_NUMBER, _COMMON_NAME) if kind in said)


def hsa_id(path: str, password: str = "") -> str:
    """The subject's serialNumber, where a function certificate has its HSA-id; else empty. Raises as `validity`."""
    _serial, _algorithm, _issuer, _validity, (_, name), *_ = _fields(path, password)
    return _said(name).get(_SERIAL_NUMBER, "")


def is_for_clients(path: str, password: str = "") -> bool:
    """Whether the first certificate may be shown by a client: its extended key usage, where it has one, says so.

    Raises as `validity` does.
    """
    try:
        for _, extensions in (field for field in _fields(path, password)[_LEAST_FIELDS:] if field[0] == _EXTENSIONS):
            for _, extension in _inside(_inside(extensions)[0][1]):
                (_, kind), *_critical, (_, value) = _inside(extension)
                if kind == _EXTENDED_KEY_USAGE:
                    return any(purpose in _FOR_CLIENTS for _, purpose in _inside(_inside(value)[0][1]))
    except (IndexError, ValueError):
        raise ValueError("The file's first certificate cannot be read") from None
    return True


def stands_alone(path: str, trusted: str = "", password: str = "") -> bool:
    """Whether the file has a certificate without its issuer's, which is also none of the roots in the file `trusted`: a
    peer that has only the root cannot verify it. Raises as `validity` does.
    """
    own = [_names(found) for found in _pems(path, password)]
    if not own:
        raise ValueError("The file holds no certificate in PEM format")
    known = {subject for issuer, subject in own[1:]}
    if trusted and Path(trusted).is_file():  # roots need not be sent
        known |= {subject for issuer, subject in map(_names, _pems(trusted)) if issuer == subject}
    issuer, subject = own[0]
    return issuer != subject and issuer not in known


def _said(name: bytes) -> dict[bytes, str]:
    """What a name says, by the kinds of its parts."""
    try:
        pairs = [_inside(pair) for _, attributes in _inside(name) for _, pair in _inside(attributes)]
        return {kind: value.decode("utf-8", "replace") for (_, kind), (_, value), *_ in pairs}
    except (IndexError, ValueError):
        raise ValueError("The file's first certificate cannot be read") from None


def _names(pem: str) -> tuple[bytes, bytes]:
    """Issuer and subject."""
    _serial, _algorithm, (_, issuer), _validity, (_, subject), *_ = _fields_of(pem)
    return issuer, subject


def _pems(path: str, password: str = "") -> list[str]:
    return _PEM.findall(certificates(path, password))


def _fields(path: str, password: str) -> list[tuple[int, bytes]]:
    """The fields of the first certificate, from its serial number on."""
    found = _PEM.search(certificates(path, password))
    if found is None:
        raise ValueError("The file holds no certificate in PEM format")
    return _fields_of(found.group())


def _fields_of(pem: str) -> list[tuple[int, bytes]]:
    try:
        certificate = _inside(ssl.PEM_cert_to_DER_cert(pem))[0][1]
        fields = [field for field in _inside(_inside(certificate)[0][1]) if field[0] != _VERSION]
    except (IndexError, ValueError):
        fields = []
    if len(fields) < _LEAST_FIELDS:
        raise ValueError("The file's first certificate cannot be read")
    return fields


def _inside(data: bytes) -> list[tuple[int, bytes]]:
    """The DER values that stand one after the other in `data`, as (tag, content)."""
    values = []
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:  # long form: the low bits say how many bytes hold the length
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        if at + length > len(data):
            raise ValueError("cut short")
        values.append((tag, data[at : at + length]))
        at += length
    return values


def _moment(value: tuple[int, bytes]) -> datetime:
    tag, text = value
    digits = text.decode("ascii")
    if tag == _UTC_TIME:  # years 1950 to 2049
        digits = ("20" if digits < "50" else "19") + digits
    return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
