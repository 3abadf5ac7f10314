"""Reasons in characters that more databases have. Pure."""

from __future__ import annotations

from typing import Final

from relay.narrow import ALIKE

PLAINEST: Final = 2

_ENCODINGS: Final = {1: "latin-1", PLAINEST: "ascii"}


def plain(text: str | None, plainness: int, length: int = 500) -> str | None:
    """The text as it is (0), in what western Europe wrote before Unicode (1), or in ASCII (2): characters that are not
    there are replaced by some that look alike, else by their number. At most `length` characters of it."""
    if text is None or plainness == 0:
        return text
    encoding = _ENCODINGS[plainness]
    return text.translate(ALIKE).encode(encoding, "backslashreplace").decode(encoding)[:length]
