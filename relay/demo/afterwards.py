"""After the story: ordinary traffic until somebody ends it, and a line now and then about what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from relay.demo.monitoring import Monitoring
from relay.demo.prometheus import Alert
from relay.demo.stage import Stage
from relay.demo.story import go_on
from relay.demo.watch import Watch

_LOOK_EVERY: Final = 1.0  # seconds
_TELL_EVERY: Final = 30.0
_WAITING: Final = 'sum(ei_relay_posts{state="pending"})'


def carry_on(stage: Stage, watched: Monitoring, say: Callable[[str], None]) -> NoReturn:
    """Write, and tell of alerts at once and of the rest every half minute, until interrupted.

    Raises StartFailed when a part of the stage or of the monitoring dies.
    """
    with closing(Watch(stage)) as watch:
        write_on(stage, _Teller(stage, watched, watch, say).look)


def write_on(stage: Stage, look: Callable[[], object]) -> NoReturn:
    """Ordinary traffic, with a look now and then, until interrupted or `look` raises."""
    bookings = {system: stage.systems[system.name].bookings() for system in stage.cast}
    start = time.monotonic()
    for step in go_on(datetime.now(UTC), bookings):
        look()
        while (left := start + step.at - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
            look()
        stage.systems[step.system.name].write(step.booking, step.event_id, step.writing)
    raise AssertionError("traffic has no end")


class _Teller:
    def __init__(self, stage: Stage, watched: Monitoring, watch: Watch, say: Callable[[str], None]) -> None:
        self._stage = stage
        self._watched = watched
        self._watch = watch
        self._say = say
        self._alerts = Alerts()
        self._calls: int = watch.summary()["calls"]
        self._next_look = time.monotonic()
        self._next_tale = self._next_look + _TELL_EVERY

    def look(self) -> None:
        """Look and tell, if it is time to."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_EVERY
            self._stage.check()
            self._watched.check()
            self._tell(*self._alerts.news(self._watched.prometheus.alerts()))
        if now >= self._next_tale:
            self._next_tale = now + _TELL_EVERY
            self._tell(self._figures(self._watch.summary()))

    def _figures(self, index: dict[str, Any]) -> str:
        calls, self._calls = index["calls"] - self._calls, index["calls"]
        waiting = sum(float(series["value"][1]) for series in self._watched.prometheus.query(_WAITING))
        return f"{index['posts']} posts in the index, {waiting:.0f} wait; {calls} calls in {_TELL_EVERY:.0f} s"

    def _tell(self, *lines: str) -> None:
        for line in lines:
            self._say(f"{datetime.now():%H:%M:%S}  {line}")


class Alerts:
    """Tells what has become of alerts since it last asked about them. Those of one name are one piece of news."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, int]] = {}  # by name: the state, and how many have it

    def news(self, alerts: Iterable[Alert]) -> list[str]:
        """A line for each name whose state has changed, or that is now there more often."""
        by_name: dict[str, list[Alert]] = {}
        for alert in sorted(alerts, key=lambda alert: (alert.state, alert.summary)):  # "firing" comes first
            there = by_name.setdefault(alert.name, [])
            if not there or there[0].state == alert.state:
                there.append(alert)
        now = {name: (there[0].state, len(there)) for name, there in by_name.items()}
        gone = [f"gone     {name}" for name in self._known if name not in now]
        news = [_in_words(there) for name, there in by_name.items() if self._is_news(name, *now[name])]
        self._known = now
        return gone + news

    def _is_news(self, name: str, state: str, number: int) -> bool:
        before, most = self._known.get(name, ("", 0))
        return state != before or number > most


def _in_words(alerts: list[Alert]) -> str:
    first = alerts[0]
    more = f", and {len(alerts) - 1} more" if len(alerts) > 1 else ""
    if first.state == "firing":
        return f"FIRING   {first.name}: {first.summary}{more} ({first.runbook})"
    return f"pending  {first.name}: {first.summary}{more}; fires if it lasts"
