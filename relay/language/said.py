"""Sentences that can say themselves in Swedish.

A sentence is written in English where it belongs, as a message with places for its values:

    say("row {row} waits unread for {time}", row=7, time=lasting(age))

It *is* that English text, a string like any other, for command lines, JSON and logs. `to(SWEDISH)` says it in Swedish:
the message is looked up in the tables of this package, and a value that was said itself is said in Swedish too. A test
holds the tables to the messages, and their places to each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Final

from relay.language.of_status import STATUS
from relay.language.of_stored import STORED
from relay.language.of_story import STORY
from relay.wallclock import SWEDEN

ENGLISH: Final = "en"
SWEDISH: Final = "sv"
TABLES: Final[Mapping[str, str]] = {**STORY, **STATUS}


class Said(str):
    """An English text that knows the message and the values that it was made of."""

    message: str
    values: Mapping[str, object]

    def __new__(cls, message: str, values: Mapping[str, object]) -> Said:
        """The message with the values in its places."""
        made = super().__new__(cls, message.format(**values))
        made.message, made.values = message, values
        return made

    def to(self, language: str) -> str:
        """The text in that language."""
        values = {name: value.to(language) if isinstance(value, Said) else value for name, value in self.values.items()}
        message = TABLES.get(self.message, self.message) if language == SWEDISH else self.message
        return message.format(**values)


class Quoted(Said):
    """A text that was kept in English, such as the reason of a rejection; what is known of it is said in Swedish."""

    def __new__(cls, text: str) -> Quoted:
        """The text as it is."""
        made = super().__new__(cls, "{text}", {"text": text})
        assert isinstance(made, Quoted)
        return made

    def to(self, language: str) -> str:
        """The text in that language, as far as the table reaches."""
        text = str(self)
        if language == SWEDISH:
            for pattern, swedish in _stored():
                text = pattern.sub(swedish, text)
        return text


class Both(Said):
    """A text whose Swedish stands beside it, where it belongs to data and not to a table of sentences."""

    swedish: str

    def __new__(cls, english: str, swedish: str) -> Both:
        """The text in its two languages."""
        made = super().__new__(cls, "{text}", {"text": english})
        assert isinstance(made, Both)
        made.swedish = swedish
        return made

    def to(self, language: str) -> str:
        """The text in that language."""
        return self.swedish if language == SWEDISH else str(self)


class Instant(Said):
    """A time: in UTC as a text, for logs and command lines; on the clock on the wall in Sweden for who is told."""

    at: datetime

    def __new__(cls, at: datetime) -> Instant:
        """That time, to the minute."""
        made = super().__new__(cls, "{text}", {"text": f"{at.astimezone(UTC):%Y-%m-%d %H:%M}Z"})
        assert isinstance(made, Instant)
        made.at = at
        return made

    def to(self, language: str) -> str:  # noqa: ARG002 (the same in each)
        """The time as it is in Sweden."""
        return f"{self.at.astimezone(SWEDEN):%Y-%m-%d %H:%M}"


def quoted(text: object) -> Said:
    """A text that was kept, or came, in English."""
    return Quoted(str(text))


def say(message: str, **values: object) -> Said:
    """What is to be said: a message of the tables, and what stands in its places. A value of None is left out."""
    return Said(message, {name: "" if value is None else value for name, value in values.items()})


def _pattern(english: str) -> re.Pattern[str]:
    """Finds a stored text: whatever stands in a place of it is a group of that name, as short as can be.

    A place at the end of the text reaches to the end of a word, so that the pattern finds one.
    """
    parts = re.split(r"\{(\w+)\}", english)
    texts, names = parts[::2], parts[1::2]
    found = re.escape(texts[0])
    for at, name in enumerate(names):
        last = at == len(names) - 1 and not texts[at + 1]
        found += f"(?P<{name}>{r'[^ ;,)]+' if last else '.+?'})" + re.escape(texts[at + 1])
    edge = r"(?<!\w)" if texts[0][:1].isalpha() else ""
    return re.compile(edge + found)


@cache
def _stored() -> list[tuple[re.Pattern[str], str]]:
    """The patterns of what is kept, each with its Swedish; made when somebody reads Swedish."""
    return [(_pattern(english), re.sub(r"\{(\w+)\}", r"\\g<\1>", swedish)) for english, swedish in STORED.items()]
