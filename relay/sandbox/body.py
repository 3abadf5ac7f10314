"""Reads the body of an HTTP request, by its length or in chunks."""

from __future__ import annotations

from collections.abc import Mapping
from io import BufferedIOBase
from typing import Final

_LONGEST_LINE: Final = 1000


class TooLargeError(Exception):
    """There is more of it than is taken."""


class BadLengthError(Exception):
    """How long it is cannot be told."""


class BrokenOffError(Exception):
    """The sender closed its end before all had come."""


def read_body(stream: BufferedIOBase, headers: Mapping[str, str], largest: int) -> bytes:
    """The whole body. Raises TooLargeError, BadLengthError, BrokenOffError."""
    headers = {name.lower(): value for name, value in headers.items()}
    if headers.get("transfer-encoding", "identity").strip().lower() != "identity":
        return _chunks(stream, largest)
    length = headers.get("content-length", "0")
    if not length.isdecimal():
        raise BadLengthError
    if int(length) > largest:
        raise TooLargeError
    return _exactly(stream, int(length))


def _chunks(stream: BufferedIOBase, largest: int) -> bytes:
    body = bytearray()
    while size := _size(stream.readline(_LONGEST_LINE)):
        if len(body) + size > largest:
            raise TooLargeError
        body += _exactly(stream, size)
        stream.readline(_LONGEST_LINE)
    while stream.readline(_LONGEST_LINE).strip():  # trailers, which nobody needs
        pass
    return bytes(body)


def _size(line: bytes) -> int:
    if not line:
        raise BrokenOffError
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        raise BadLengthError from None


def _exactly(stream: BufferedIOBase, length: int) -> bytes:
    body = stream.read(length)
    if len(body) < length:
        raise BrokenOffError
    return body
