"""Every sentence of a story, of `status` and of its advice is there in Swedish, with the same places for its values."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from relay import booking
from relay.booking import Withheld
from relay.change import OutboxRow, Rejected, read
from relay.flow.intake import restored
from relay.flow.publishing.follow import BACK_AND_FORTH, EMPTIED
from relay.language.of_status import STATUS
from relay.language.of_stored import STORED
from relay.language.of_story import STORY
from relay.language.said import ENGLISH, SWEDISH, Instant, Said, quoted, say
from relay.outbox.refusals import Kind
from relay.story.words import clock, coded, lasting

RELAY = Path(__file__).parents[2] / "relay"
PLACE = re.compile(r"\{(\w+)\}")
SPEAKING = [*RELAY.glob("story/*.py"), RELAY / "report" / "health.py", RELAY / "console" / "advice.py",
            RELAY / "report" / "estimate.py", RELAY / "cli" / "why.py"]  # fmt: skip
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def messages() -> Iterator[tuple[str, set[str]]]:
    """Every message that is said, and the names of its values."""
    for path in SPEAKING:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
                (message,) = node.args
                if isinstance(message, ast.Constant):
                    values = {word.arg or "**" for word in node.keywords}
                    yield str(message.value), values
                else:  # two of anything, by a message without words of its own
                    assert ast.unparse(message) == "message", ast.unparse(node)


def has_words(message: str) -> bool:
    return any(c.isalpha() for c in PLACE.sub("", message))


def test_every_message_is_there_in_swedish() -> None:
    said = {message for message, _ in messages() if has_words(message)}
    assert len(said) > 180
    tables = STORY | STATUS
    assert sorted(said - set(tables)) == []
    assert len(tables) == len(STORY) + len(STATUS)
    unused = set(tables) - {message for message, _ in messages()}
    assert sorted(unused) == []


def test_both_languages_have_the_same_places() -> None:
    for english, swedish in (STORY | STATUS | STORED).items():
        assert sorted(PLACE.findall(english)) == sorted(PLACE.findall(swedish)), english


def test_a_time_is_in_utc_as_a_text_and_swedish_for_who_is_told() -> None:
    said = say("lane {lane} is paused{since}", lane="L", since=say(", since {time}", time=Instant(NOW)))
    assert str(said) == "lane L is paused, since 2026-11-29 12:00Z"
    assert said.to(ENGLISH) == "lane L is paused, since 2026-11-29 13:00"
    assert said.to(SWEDISH) == "sändkö L är pausad, sedan 2026-11-29 13:00"


def test_a_message_gets_the_values_that_it_has_places_for() -> None:
    for message, values in messages():
        if "**" not in values:
            swedish = (STORY | STATUS).get(message, message)
            assert values == set(PLACE.findall(message)) | set(PLACE.findall(swedish)), message


def test_it_is_an_english_text_like_any_other() -> None:
    said = say("row {row} waits unread{waits}", row=7, waits=say(" for {time}", time=lasting(timedelta(minutes=12))))
    assert said == "row 7 waits unread for 12 minutes"
    assert json.loads(json.dumps(said)) == str(said)
    assert (said.to(ENGLISH), said.to(SWEDISH)) == (str(said), "rad 7 väntar oläst sedan 12 minuter")
    assert say("it was cancelled{row}", row=None).to(SWEDISH) == "den avbokades"


def test_times_and_lengths_are_said_as_swedes_do() -> None:
    assert clock(NOW, NOW).to(SWEDISH) == "kl. 13:00"
    assert clock(NOW - timedelta(days=1), NOW, seconds=True).to(SWEDISH) == "2026-11-28 kl. 13:00:00"
    lengths = [lasting(timedelta(seconds=n)).to(SWEDISH) for n in (1, 40, 720, 4 * 3600, 3 * 86400)]
    assert lengths == ["1 sekund", "40 sekunder", "12 minuter", "4 timmar", "3 dygn"]


def test_values_are_never_taken_for_places() -> None:
    assert quoted("{time} {0}").to(SWEDISH) == "{time} {0}"
    assert say("source {source}: {what}", source="{what}", what="x").to(SWEDISH) == "källa {what}: x"
    assert coded("VP007", r"\g<0> not known").to(SWEDISH) == r"VP007: \g<0> not known"


WRONG = {
    "operation": "delete", "booking_id": " ", "event_id": "x" * 300, "version": "9" * 30, "source_system": "a b",
    "resident_id": "191212121213", "care_unit": "a b", "kind": "visit", "starts_at": "soon",
    "valid_until": "2026-13-01 10:00:00", "presentable": "ja", "data_controller": "\x07",
}  # fmt: skip
ALSO = (
    {"booking_id": "x" * 129}, {"booking_id": " b"}, {"booking_id": "b\N{GRINNING FACE}"}, {"version": "one"},
    {"source_system": "SE9"}, {"resident_id": "x"}, {"resident_id": "199913321213"}, {"resident_id": "19121212AAAA"},
    {"resident_id": None}, {"care_unit": None}, {"starts_at": None}, {"starts_at": "2026-03-29 02:30:00"},
    {"kind": "open_invitation", "invited_on": None}, {"kind": "open_invitation", "invited_on": "2026-02-30"},
    {"kind": "invitation", "starts_at": None}, {"kind": "open_invitation", "invited_on": "soon"},
    {"care_unit": "\udcff"},
)  # fmt: skip
ENGLISH_WORDS = re.compile(r"\b(the|is|was|and|of|it|its|has|have|with|by|to|for|until|since|expected|no|at)\b")


@pytest.mark.parametrize("wrong", [*({name: value} for name, value in WRONG.items()), *ALSO], ids=str)
def test_why_a_row_is_rejected_is_said_in_swedish(wrong: dict[str, str | None]) -> None:
    right: dict[str, str | None] = {
        "operation": "upsert", "booking_id": "B1", "resident_id": "191212121212", "care_unit": "SE2321000016-1HZ5",
        "starts_at": "2026-12-24 10:30:00",
    }  # fmt: skip
    rejected = read(OutboxRow(1, **(right | wrong)), {"SE2321000016-84GX": "SE2321000016-84GX"})  # type: ignore[arg-type]
    assert isinstance(rejected, Rejected)
    swedish = quoted(rejected.reason).to(SWEDISH)
    assert not ENGLISH_WORDS.search(swedish), swedish


def test_what_else_is_kept_in_english_is_said_in_swedish() -> None:
    reasons = [
        each.reason for each in vars(booking).values() if isinstance(each, Withheld) and each.reason != "removed"
    ]
    assert len(reasons) > 5
    reasons += [BACK_AND_FORTH, EMPTIED.format(goes=30, present=30)]
    reasons += [restored.LOST.format(source="s"), restored.ANOTHER.format(source="s")]
    common = (Kind.NO_TABLE, Kind.NO_COLUMN, Kind.DENIED, Kind.LOGIN, Kind.SILENT, Kind.STARTING, Kind.SLOW,
              Kind.LOCKED, Kind.FULL, Kind.DISK, Kind.READ_ONLY, Kind.NO_DATABASE, Kind.EXPIRED, Kind.HOST)  # fmt: skip
    for kind in common:
        reasons.append(kind.what.format(table="t", columns="the column x"))
    for reason in reasons:
        swedish = re.sub("`.*?`", "", quoted(reason).to(SWEDISH))
        assert not ENGLISH_WORDS.search(swedish), swedish


def test_a_said_thing_is_a_string() -> None:
    assert isinstance(say("a call"), str)
    assert isinstance(quoted("x"), Said)
