"""What a check of the configuration found, in the operator's terms, with nothing secret in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Final

from relay.identity import mask
from relay.settings.duration import format_duration

MISSING: Final = "(missing)"
HIDDEN: Final = "***"

_LONGEST_SHOWN = 200
# Greedy up to the last @, since an unescaped @ in a password is exactly the mistake somebody will make.
_URL_PASSWORD = re.compile(r":(?!//).*@", re.DOTALL)
_QUERY_SECRET = re.compile(r"((?:pass|pwd|secret|token)[a-z_]*=)[^&;\s]*", re.IGNORECASE)
_SECRET_NAME = re.compile(r"pas|pwd|secret|token", re.IGNORECASE)  # pas: mistyped, it is secret still


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake, or one thing to be warned of."""

    key: str  # as the operator writes it: `source.tidbok-nord.outbox_url`
    value: str  # as it may be shown, secrets masked
    expected: str  # what was expected, or what to do
    origin: str = ""  # the environment variable that the value came from, if it did

    def __str__(self) -> str:
        origin = f" (from {self.origin})" if self.origin else ""
        return f"{self.key} = {self.value}{origin}: {self.expected}"


class SettingsError(Exception):
    """The configuration has mistakes; all of them are in `mistakes`."""

    def __init__(self, mistakes: Iterable[Finding]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(self.mistakes)

    def __str__(self) -> str:
        count = len(self.mistakes)
        heading = f"{count} mistake{'s' if count != 1 else ''} in the configuration:"
        return "\n  ".join([heading, *map(str, self.mistakes)])


def show(value: object, *, key: str = "") -> str:
    """A value as it may be shown, near to how TOML writes it; `key` tells whether all of it is secret.

    An identity is masked: residents may have been listed where the file of them should have been named.
    """
    if value is None:
        return MISSING
    if _SECRET_NAME.search(key.rpartition(".")[2]):
        return HIDDEN
    return _clip(mask(_toml(value)))


def mask_url(text: str) -> str:
    """The text with the password of every URL in it hidden, also where the URL is malformed."""
    return _QUERY_SECRET.sub(rf"\1{HIDDEN}", _URL_PASSWORD.sub(f":{HIDDEN}@", text))


def _toml(value: object) -> str:
    match value:
        case str():
            return json.dumps(mask_url(value), ensure_ascii=False)
        case bool():
            return "true" if value else "false"
        case timedelta():
            return f'"{format_duration(value)}"'
        case Mapping():
            return "(a table)"  # its values may hold secrets, and are not what is wrong
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case int() | float() | date() | time():
            return str(value)
        case _:
            return f"({type(value).__name__})"


def _clip(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
