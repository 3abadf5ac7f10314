"""What was last seen as metric families.

A look that failed leaves its figures out: a gap is true, an old figure is not.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from relay import __version__
from relay.exporter.looks import DatabaseFigures, Looks
from relay.store.notes import Note
from relay.store.overview import state_of_lane
from relay.store.verification import RESULTS

LANE_STATES: Final = ("open", "calling", "resting", "blocked", "paused")


class Families(Collector):
    """Turns the last looks into metrics; asks no database."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: the registry need not look to learn the names."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every family, in the order of interest."""
        yield from self._reachable()
        yield from self._outboxes()
        figures = self._looks.database.value
        if figures is not None:
            yield from _lanes(figures)
            yield self._posts(figures)
            yield _unconfirmed(figures)
            yield _parked(figures)
            yield _last_success(figures)
            yield from self._beliefs(figures)
            yield from self._attended(figures)
            yield from _verified(figures)
            yield from _full_lists(figures.full_lists, self._looks.listed)
        yield from self._certificates()

    def _reachable(self) -> Iterator[GaugeMetricFamily]:
        looks = self._looks
        build = _gauge("build_info", "The version of the relay that serves this; always 1.", "version", "python")
        build.add_metric([__version__, platform.python_version()], 1)
        yield build
        database = _gauge("database_up", "1 while the relay's own database answers, at the right version, else 0.")
        database.add_metric([], looks.database.is_up)
        yield database
        if looks.broker is not None:
            broker = _gauge("broker_up", "1 while the broker (Redis or Valkey) answers, else 0.")
            broker.add_metric([], looks.broker.is_up)
            yield broker

    def _outboxes(self) -> Iterator[GaugeMetricFamily]:
        up = _gauge("outbox_up", "1 while the outbox of a booking system can be read and marked, else 0.", "source")
        unread = _gauge("outbox_unread", "Outbox rows that wait to be taken.", "source")
        oldest = _gauge(
            "outbox_oldest_unread_seconds",
            "How long the oldest untaken row has waited; 0: none waits.",
            "source",
        )
        rejected = _gauge(
            "outbox_rejected_rows",
            "Outbox rows rejected within the last hour: bookings that are not shown as they should be.",
            "source",
        )
        set_aside = _gauge(
            "rows_set_aside",
            "Outbox rows that are taken and whose outcome cannot be written, or that another transaction keeps held.",
            "source",
        )
        figures = self._looks.database.value
        for name, look in self._looks.outboxes.items():
            if figures is not None:
                rejected.add_metric([name], figures.rejected.get(name, 0))
                set_aside.add_metric([name], figures.set_aside.get(name, 0))
            up.add_metric([name], look.is_up and (figures is None or name not in figures.outbox_errors))
            if look.value is not None:
                unread.add_metric([name], look.value.unread)
                if look.value.unread == 0:
                    oldest.add_metric([name], 0)
                elif look.value.oldest_seconds is not None:
                    oldest.add_metric([name], look.value.oldest_seconds)
        yield from (up, unread, oldest, rejected, set_aside)

    def _posts(self, figures: DatabaseFigures) -> GaugeMetricFamily:
        family = _gauge(
            "posts",
            "Posts by state: indexed (in the index as they should be; a large number is counted every few minutes), "
            "pending (a call is to come), parked (refused for their content; somebody must act).",
            "source",
            "state",
        )
        source_of = {lane.id: lane.source for lane in figures.lanes}
        pending: Counter[str] = Counter(dict.fromkeys(source_of.values(), 0))
        parked = pending.copy()
        for lane_id, waiting in figures.waiting.items():
            pending[source_of[lane_id]] += waiting.posts
        for lane_id, _, number in figures.parked:
            parked[source_of[lane_id]] += number
        indexed = self._looks.indexed.value
        for source in sorted(pending):
            if indexed is not None:
                family.add_metric([source, "indexed"], indexed.get(source, 0))
            family.add_metric([source, "pending"], pending[source])
            family.add_metric([source, "parked"], parked[source])
        return family

    def _beliefs(self, figures: DatabaseFigures) -> Iterator[GaugeMetricFamily]:
        restored = _gauge(
            "restore_suspected",
            "1 while nothing is sent of a source, because the relay's database seems to have been restored to a time "
            "before what the source's outbox knows (`ei-relay recover`), else 0.",
            "source",
        )
        held = _gauge(
            "changes_held",
            "Changes that would touch many posts at once and wait for an operator's decision (`ei-relay changes`).",
            "source",
        )
        differ = _gauge(
            "lists_disagree",
            "1 while the files of the workers' hosts say different things of a source, else 0.",
            "source",
        )
        clocks = _gauge(
            "clock_difference_seconds",
            "How far a worker's clock is ahead of the relay's database's; below 0: behind.",
            "clock",
        )
        for source in sorted({*self._looks.outboxes, *figures.changes_held, *figures.restore_suspected}):
            restored.add_metric([source], source in figures.restore_suspected)
            held.add_metric([source], figures.changes_held.get(source, 0))
            differ.add_metric([source], source in figures.disagreeing)
        for host, seconds in figures.clocks.items():
            clocks.add_metric([host], seconds)
        yield from (restored, held, differ, clocks)

    def _attended(self, figures: DatabaseFigures) -> Iterator[GaugeMetricFamily]:
        """From the database, so that the figures go on when the last worker is gone."""
        workers = _gauge("workers", "Processes that do the relay's work and have reported within a minute.")
        workers.add_metric([], figures.workers)
        yield workers
        looked = _gauge(
            "source_last_look_timestamp_seconds",
            "When a worker last checked a source, in Unix time; it does so every minute. 0: never.",
            "source",
        )
        for name in self._looks.outboxes:
            at = figures.looked.get(name)
            looked.add_metric([name], at.timestamp() if at is not None else 0)
        yield looked

    def _certificates(self) -> Iterator[GaugeMetricFamily]:
        readable = _gauge(
            "client_certificate_readable", "1 while the client certificate can be read from its file, else 0.", "index"
        )
        family = _gauge(
            "client_certificate_expiry_timestamp_seconds",
            "When the client certificate that is used towards an index ends, in Unix time.",
            "index",
        )
        for name, look in self._looks.certificates.items():
            if look.value is not None:
                family.add_metric([name], look.value.timestamp())
            if look.looks:
                readable.add_metric([name], look.is_up)
        yield from (family, readable)


def _lanes(figures: DatabaseFigures) -> Iterator[GaugeMetricFamily]:
    lane = ("index", "source_system")
    state = _gauge(
        "lane_state",
        "1 for the state a lane is in, 0 for the others: open, calling, resting (pauses after a failure), blocked "
        "(waits for somebody to act), paused (by a command).",
        *lane,
        "state",
    )
    oldest = _gauge(
        "oldest_pending_seconds",
        "How long the longest waiting live change of a lane has waited since its registration; it may 3600 (R-33). "
        "0: none waits. Bulk posts are left out: they have no hour.",
        *lane,
    )
    blocked = _gauge("lane_blocked_timestamp_seconds", "Since when a lane is blocked, and by what.", *lane, "code")
    failures = _gauge("lane_failures", "Failed calls in a row; 0 after a success.", *lane)
    for row in figures.lanes:
        labels = [row.engagement_index, row.source_system]
        now = state_of_lane(row, figures.at)
        for each in LANE_STATES:
            state.add_metric([*labels, each], each == now)
        waiting = figures.waiting.get(row.id)
        since = waiting.oldest_live if waiting is not None else None
        oldest.add_metric(labels, max((figures.at - since).total_seconds(), 0) if since else 0)
        failures.add_metric(labels, row.failures)
        if row.blocked_code is not None and row.blocked_since is not None:
            blocked.add_metric([*labels, row.blocked_code], row.blocked_since.timestamp())
    yield from (state, oldest, blocked, failures)


def _unconfirmed(figures: DatabaseFigures) -> GaugeMetricFamily:
    family = _gauge(
        "posts_unconfirmed",
        "Posts that the index has accepted in calls of their own only; they are sent again together with others.",
        "source",
    )
    for source in sorted({lane.source for lane in figures.lanes}):
        family.add_metric([source], figures.unconfirmed.get(source, 0))
    return family


def _parked(figures: DatabaseFigures) -> GaugeMetricFamily:
    family = _gauge(
        "parked_posts", "Parked posts by the code they were refused with.", "index", "source_system", "code"
    )
    lanes = {lane.id: [lane.engagement_index, lane.source_system] for lane in figures.lanes}
    for lane_id, code, number in figures.parked:
        family.add_metric([*lanes[lane_id], code], number)
    return family


def _last_success(figures: DatabaseFigures) -> GaugeMetricFamily:
    family = _gauge(
        "last_success_timestamp_seconds",
        "When an index last accepted a call with posts of a source, in Unix time; not there before the first.",
        "source",
    )
    latest: dict[str, float] = {}
    for row in figures.lanes:
        if row.last_success_at is not None:
            latest[row.source] = max(row.last_success_at.timestamp(), latest.get(row.source, 0.0))
    for source, at in latest.items():
        family.add_metric([source], at)
    return family


def _verified(figures: DatabaseFigures) -> Iterator[GaugeMetricFamily]:
    numbers = _gauge(
        "verify_posts",
        "Posts by what the last comparison with an index found: equal, lost, ghost, wrong, unsettled.",
        "index",
        "result",
    )
    at = _gauge("verify_timestamp_seconds", "When an index was last compared, in Unix time.", "index")
    for row in figures.verified:
        at.add_metric([row.engagement_index], row.ended_at.timestamp())
        for name in RESULTS:
            numbers.add_metric([row.engagement_index, name], getattr(row, name))
    yield from (numbers, at)


def _full_lists(notes: Mapping[str, Note], sources: Iterable[str]) -> Iterator[GaugeMetricFamily]:
    """Of the sources that have a full_list_query."""
    compared = _gauge(
        "full_list_timestamp_seconds",
        "When a booking system's full list was last compared, in Unix time; before the first time, since when it is "
        "to be.",
        "source",
    )
    failed = _gauge("full_list_failed", "1 while the last try to compare a full list failed, else 0.", "source")
    bookings = _gauge(
        "full_list_bookings",
        "Bookings by what the last comparison with a full list found: created, changed, gone (differences, which were "
        "sent), held (differences that wait for an operator's decision), rejected (rows that cannot be read).",
        "source",
        "result",
    )
    for name in sources:
        said = notes[name].said if name in notes else {}
        at = said.get("compared_at") or said.get("first_at")
        if at:
            compared.add_metric([name], datetime.fromisoformat(at).timestamp())
        failed.add_metric([name], bool(said.get("error")))
        for result in ("created", "changed", "gone", "held", "rejected"):
            bookings.add_metric([name, result], said.get(result) or 0)
    yield from (compared, failed, bookings)


def _gauge(name: str, help_: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"ei_relay_{name}", help_, labels=labels)
