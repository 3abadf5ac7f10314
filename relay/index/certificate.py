"""When a certificate is valid: read from its file with the standard library alone.

The standard library shows a certificate's dates only for a peer's, so the few bytes of DER that hold them are
walked here: Certificate → tbsCertificate → validity (RFC 5280, 4.1).
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_VERSION: Final = 0xA0  # [0] EXPLICIT, left out in version 1
_UTC_TIME: Final = 0x17  # YYMMDDhhmmssZ; the other is GeneralizedTime, with four digits of year


class Validity(NamedTuple):
    """Both ends are aware and inclusive."""

    not_before: datetime
    not_after: datetime


def validity(path: str) -> Validity:
    """The validity of the first certificate in a PEM file.

    Raises OSError when the file cannot be read, ValueError when it holds no certificate.
    """
    found = _PEM.search(Path(path).read_text(encoding="latin-1"))
    if found is None:
        raise ValueError("The file holds no certificate in PEM format")
    try:
        certificate = _inside(ssl.PEM_cert_to_DER_cert(found.group()))[0][1]
        fields = [field for field in _inside(_inside(certificate)[0][1]) if field[0] != _VERSION]
        _serial, _algorithm, _issuer, (_, dates), *_ = fields
        not_before, not_after = map(_moment, _inside(dates))
    except (IndexError, ValueError):
        raise ValueError("The file's first certificate cannot be read") from None
    return Validity(not_before, not_after)


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
