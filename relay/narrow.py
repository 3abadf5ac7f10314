"""Databases of PostgreSQL that keep text in an older encoding than UTF-8: which characters they have.

What the relay writes there of its own (reasons, notes) goes in characters that the database has: others are replaced by
some that look alike, else by their number. Texts that must be kept as they are, ids of bookings, are asked about first
(`lacks`).
"""

from __future__ import annotations

import json
from typing import Any, Final

from psycopg.types.string import StrDumperUnknown

ALIKE: Final = str.maketrans({"…": "...", "“": '"', "”": '"', "’": "'", "‘": "'", "–": "-", "—": "-", "\u00a0": " "})

_HOLD_ALL: Final = ("UTF8", "SQL_ASCII")  # the latter keeps bytes as they are
_CODECS: Final = {
    "LATIN1": "latin-1", "LATIN2": "iso8859-2", "LATIN5": "iso8859-9", "LATIN6": "iso8859-10", "LATIN7": "iso8859-13",
    "LATIN8": "iso8859-14", "LATIN9": "iso8859-15", "LATIN10": "iso8859-16", "WIN1250": "cp1250", "WIN1252": "cp1252",
    "WIN1257": "cp1257",
}  # fmt: skip


def encoding_of(raw: Any) -> str | None:
    """The name of the encoding of the database that a connection of the driver leads to; None: it holds any text."""
    info: Any = getattr(raw, "info", None)
    name: str | None = info.parameter_status("server_encoding") if hasattr(info, "parameter_status") else None
    return None if name is None or name in _HOLD_ALL else name


def lacks(encoding: str, text: str) -> bool:
    """Whether the text has a character that the encoding has not."""
    try:
        text.encode(_CODECS.get(encoding, "ascii"))
    except UnicodeEncodeError:
        return True
    return False


def in_characters_of(encoding: str, text: str) -> str:
    """The text with what the encoding lacks replaced."""
    if text.isascii():
        return text
    codec = _CODECS.get(encoding, "ascii")
    kept = "".join(c if not lacks(encoding, c) else c.translate(ALIKE) for c in text)
    return kept.encode(codec, "backslashreplace").decode(codec)


def in_json_of(encoding: str, text: str) -> str:
    """The same for a text that is JSON, which stays JSON: a quotation mark that takes a curly one's place ends no
    string, and a character's number is no escape that the database would read as that character."""
    if not lacks(encoding, text):
        return text
    return "".join(json.dumps(in_characters_of(encoding, c))[1:-1] if lacks(encoding, c) else c for c in text)


def write_in_its_characters(raw: Any) -> None:
    """Have a connection of psycopg send texts in characters that its database has."""
    if (found := encoding_of(raw)) is None:
        return
    encoding: str = found

    class Dumper(StrDumperUnknown):
        """A text as that database can hold it."""

        def dump(self, obj: str) -> Any:
            return super().dump(in_characters_of(encoding, obj))

    raw.adapters.register_dumper(str, Dumper)
