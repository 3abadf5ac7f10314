"""How the demo looks: frames that fit the terminal, and plain lines elsewhere."""

from __future__ import annotations

import io
import os
import re
from datetime import UTC, datetime

import pytest

from relay.demo.cast import NORD
from relay.demo.screen import LiveScreen, Moment, PlainScreen, screen
from relay.demo.story import tell
from relay.demo.watch import SeenCall, SeenChange

STEP = tell(datetime(2026, 11, 23, 9, 0, tzinfo=UTC), 26)[0]
CALL = SeenCall(NORD, posts=25, deletes=2, answer="OK", accepted=True, milliseconds=4.0)
CHANGE = SeenChange("+", NORD, "T-1001", "Vårdcentralen Åsen", "2026-12-24 10:30", "1912••••")
MOMENT = Moment(elapsed=13, seconds=26, rows=1, calls=1, held=1, status="a key waits")


def frame(monkeypatch, columns: int, lines: int, *, coloured: bool) -> str:
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_, **__: os.terminal_size((columns, lines)))
    out = io.StringIO()
    live = LiveScreen(out, coloured=coloured)
    for _ in range(50):
        live.wrote(STEP)
        live.called(1.0, CALL)
        live.changed(1.0, CHANGE)
    live.draw(MOMENT)
    return out.getvalue()


@pytest.mark.parametrize(("columns", "lines"), [(64, 18), (80, 24), (119, 40), (120, 30), (200, 60)])
def test_a_frame_fits_the_terminal_and_shows_all_three(monkeypatch, columns, lines):
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", frame(monkeypatch, columns, lines, coloured=True)).splitlines()

    assert len(drawn) < lines
    assert max(len(line) for line in drawn) < columns
    for shown in ("BOOKINGS IN", "CALLS OUT", "THE INDEX HOLDS", "T-1001", "25 posts", "+ T-1001"):
        assert any(shown in line for line in drawn)


def test_without_colour_no_colour_is_written(monkeypatch):
    assert not re.search(r"\x1b\[[0-9;]*m", frame(monkeypatch, 120, 30, coloured=False))


def test_where_there_is_no_terminal_every_line_is_plain():
    out = io.StringIO()
    shown = screen(out)

    shown.wrote(STEP)
    shown.called(1.0, CALL)
    shown.changed(1.0, CHANGE)
    shown.draw(MOMENT)
    shown.close()

    assert isinstance(shown, PlainScreen)
    assert [line.split()[0] for line in out.getvalue().splitlines()] == ["booking", "call", "index"]
    assert "\x1b" not in out.getvalue()
