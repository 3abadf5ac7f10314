"""How the demo looks: three panes that live on a terminal, or plain lines where there is none."""

from __future__ import annotations

import os
import shutil
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, TextIO

from relay.demo.author import Step
from relay.demo.cast import SYSTEMS, System
from relay.demo.watch import SeenCall, SeenChange

_COLOURS: Final = {
    "bold": "1", "dim": "2", "green": "32", "red": "31", "yellow": "33", "title": "1;7",
    **{system.name: ("36", "35", "34")[place % 3] for place, system in enumerate(SYSTEMS)},
}  # fmt: skip
_NAME: Final = 9  # columns for a booking system
_ORDINARY: Final = ("booked", "rebooked", "moved", "cancelled")
_MARKS: Final = {"+": "green", "~": "yellow", "-": "red"}
_SIDE_BY_SIDE: Final = 120  # columns; narrower terminals get the panes on top of each other
_LEAST: Final = (64, 18)  # columns and lines; smaller ones get plain lines
_MOST_LINES: Final = 26


class Span(NamedTuple):
    """A piece of a line, and the name of its style."""

    text: str
    style: str = ""


Line = Sequence[Span]


@dataclass(frozen=True, slots=True)
class Moment:
    """The numbers of this instant. Times in seconds."""

    elapsed: float
    seconds: float
    rows: int
    calls: int
    held: int
    status: str


class Screen(Protocol):
    """Where the show is seen."""

    def say(self, text: str) -> None: ...
    def wrote(self, step: Step) -> None: ...
    def called(self, at: float, call: SeenCall) -> None: ...
    def changed(self, at: float, change: SeenChange) -> None: ...
    def happened(self, at: float, what: str) -> None: ...
    def draw(self, moment: Moment) -> None: ...
    def close(self) -> None: ...


def screen(out: TextIO | None = None) -> Screen:
    """The best screen for where the output goes."""
    out = out or sys.stdout
    size = shutil.get_terminal_size()
    fits = size.columns >= _LEAST[0] and size.lines >= _LEAST[1]
    if out.isatty() and os.environ.get("TERM", "dumb") != "dumb" and fits and _can_draw(out):
        return LiveScreen(out, coloured=not os.environ.get("NO_COLOR"))
    return PlainScreen(out)


def _can_draw(out: TextIO) -> bool:
    try:
        "│─━•−".encode(out.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def step_line(step: Step) -> Line:
    """A step as a line of the first pane."""
    ordinary = step.what in _ORDINARY
    return (
        Span(f"{step.at:5.1f} "),
        Span(f"{step.booking.booking_id:<11}", step.system.name),
        Span(step.what, "" if ordinary else "bold"),
    )


def call_line(at: float, call: SeenCall) -> Line:
    """A call as a line of the second pane."""
    deletes = f"{call.deletes} deleted" if call.deletes else ""
    return (
        Span(f"{at:5.1f} "),
        Span(f"{_short(call.system):<{_NAME}} ", call.system.name),
        Span(f"{call.posts:>2} post{'s' if call.posts > 1 else ' '} "),
        Span(f"{call.answer.partition(':')[0]:<6}", "green" if call.accepted else "red"),
        Span(deletes, "dim"),
    )


def _short(system: System) -> str:
    """The word of its title that tells a system from the others, clipped."""
    return system.title.removeprefix("Klinik ").split()[0][:_NAME]


def change_line(at: float, change: SeenChange) -> Line:
    """A change in the index as a line of the third pane."""
    style = _MARKS[change.mark]
    return (
        Span(f"{at:5.1f} "),
        Span(f"{change.mark} ", style),
        Span(f"{change.booking_id:<11}", change.system.name),
        Span(f"{change.when[5:]} ", "dim" if change.mark == "-" else ""),
        Span(f"{change.unit}", "dim"),
    )


def accident_line(at: float, what: str) -> Line:
    """Something that befell the index, as a line of the third pane."""
    return (Span(f"{at:5.1f} "), Span("! ", "red"), Span(what, "bold"))


class PlainScreen:
    """One line for everything, for files and pipes."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def say(self, text: str) -> None:
        self._print(text)

    def wrote(self, step: Step) -> None:
        self._row("booking", step_line(step))

    def called(self, at: float, call: SeenCall) -> None:
        self._row("call", call_line(at, call))

    def changed(self, at: float, change: SeenChange) -> None:
        self._row("index", change_line(at, change))

    def happened(self, at: float, what: str) -> None:
        self._row("index", accident_line(at, what))

    def draw(self, moment: Moment) -> None:
        """Nothing: every line was written as it came."""

    def close(self) -> None:
        """Nothing to put right."""

    def _row(self, kind: str, line: Line) -> None:
        self._print(f"{kind:<8}" + "".join(span.text for span in line).rstrip())

    def _print(self, text: str) -> None:
        self._out.write(text.encode(self._out.encoding or "utf-8", "replace").decode(self._out.encoding or "utf-8"))
        self._out.write("\n")
        self._out.flush()


class LiveScreen:
    """Three panes, drawn over and over in place. What was drawn last stays when it is closed."""

    def __init__(self, out: TextIO, *, coloured: bool) -> None:
        self._out = out
        self._coloured = coloured
        self._panes = [deque[Line](maxlen=_MOST_LINES) for _ in range(3)]
        self._drawn = 0  # lines of the last frame, which the next one overwrites
        self._width = 0
        self._out.write("\x1b[?25l")

    def say(self, text: str) -> None:
        self._out.write(self._painted([Span(text, "dim")], shutil.get_terminal_size().columns - 1) + "\n")
        self._out.flush()

    def wrote(self, step: Step) -> None:
        self._panes[0].append(step_line(step))

    def called(self, at: float, call: SeenCall) -> None:
        self._panes[1].append(call_line(at, call))

    def changed(self, at: float, change: SeenChange) -> None:
        self._panes[2].append(change_line(at, change))

    def happened(self, at: float, what: str) -> None:
        self._panes[2].append(accident_line(at, what))

    def draw(self, moment: Moment) -> None:
        """Draw this instant over the last one; a terminal that was resized is drawn on anew."""
        size = shutil.get_terminal_size()
        width = size.columns - 1
        lines = [_head(moment, width), *self._body(moment, width, size.lines - 4), _foot(moment)]
        if width != self._width and self._drawn:
            self._drawn = 0
            self._out.write("\x1b[2J\x1b[H")
        self._width = width
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._out.write(up + "".join(f"\r{self._painted(line, width)}\x1b[K\n" for line in lines) + "\x1b[J")
        self._out.flush()
        self._drawn = len(lines)

    def close(self) -> None:
        self._out.write("\x1b[?25h\x1b[0m")
        self._out.flush()

    def _body(self, moment: Moment, width: int, height: int) -> list[Line]:
        titles = (
            f" BOOKINGS IN  {moment.rows} rows",
            f" CALLS OUT  {moment.calls} calls",
            f" THE INDEX HOLDS  {moment.held} posts",
        )
        if width < _SIDE_BY_SIDE - 1:
            each = max(height // 3 - 1, 3)
            return [
                line
                for title, pane in zip(titles, self._panes, strict=True)
                for line in ([Span(title.ljust(width), "title")], *_last(pane, each))
            ]
        columns = _column_widths(width)
        rows = zip(*(_last(pane, min(height - 1, _MOST_LINES)) for pane in self._panes), strict=True)
        head = _joined([[Span(title, "title")] for title in titles], columns, "title")
        return [head, *(_joined(row, columns) for row in rows)]

    def _painted(self, line: Iterable[Span], width: int) -> str:
        text, left = "", width
        for span in line:
            shown = span.text[:left]
            left -= len(shown)
            text += f"\x1b[{_COLOURS[span.style]}m{shown}\x1b[0m" if self._coloured and span.style else shown
        return text


def _column_widths(width: int) -> list[int]:
    calls = 38
    rest = width - calls - 4
    return [rest // 2, calls, rest - rest // 2]


def _last(pane: deque[Line], number: int) -> list[Line]:
    lines = list(pane)[-number:]
    return lines + [()] * (number - len(lines))


def _joined(cells: Iterable[Line], widths: Sequence[int], filler: str = "") -> Line:
    line: list[Span] = []
    for cell, width in zip(cells, widths, strict=True):
        left = width
        for span in cell:
            line.append(Span(span.text[:left], span.style))
            left -= len(span.text[:left])
        line += [Span(" " * left, filler), Span("  ")]
    return line[:-1]


def _head(moment: Moment, width: int) -> Line:
    title = "Engagemangsindex update relay "
    clock = f" {moment.elapsed:4.1f} s"
    room = max(width - len(title) - len(clock), 0)
    done = min(int(room * moment.elapsed / moment.seconds), room)
    return (Span(title, "bold"), Span("━" * done, "green"), Span("─" * (room - done), "dim"), Span(clock, "bold"))


def _foot(moment: Moment) -> Line:
    return (
        Span("+", "green"), Span(" new  "), Span("~", "yellow"), Span(" another time  "), Span("-", "red"),
        Span(" gone   "), Span(moment.status, "dim"),
    )  # fmt: skip
