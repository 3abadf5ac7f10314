"""The bad day: trouble after trouble, then peace, in which all must come to rest by itself."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.chaos import bad_answers
from tests.chaos.booking_systems import BookingSystems, Canaries, Written
from tests.chaos.judge import Frozen, Judgement, WrittenDown, judge
from tests.chaos.pace import Pace
from tests.chaos.stage import CANARY, PACE, Stage
from tests.chaos.troubles import TROUBLES, Trouble
from tests.integration import expected
from tests.integration.changes import now_in_sweden
from tests.integration.index import Post
from tests.integration.site import Site
from tests.waiting import wait_until

PATIENCE: Final = 120.0  # seconds for a canary, and for all to come to rest: longer is a failure, told in the table
TWO_AT_ONCE: Final = 0.25  # the share of the troubles that do not come alone
SAID_AGAIN: Final = 4 * PACE.key_spacing + 4
LEAST: Final = 2  # troubles, of however short a day
CALM: Final = 10.0  # seconds before the first trouble, to see how fast things are without
SILENCE: Final = PACE.key_spacing + 4  # in which whatever was put off would be due


@dataclass
class Findings:
    """How the day went."""

    rows: int = 0
    calls: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    recovery: dict[str, list[float]] = field(default_factory=dict)  # seconds, by kind of trouble that came alone
    never_recovered: list[str] = field(default_factory=list)
    alone: float | None = None  # an innocent's median delay without trouble, in seconds
    slowdowns: dict[str, float] = field(default_factory=dict)  # and how many times that, by trouble of others
    rested_after: float | None = None  # seconds; None: it never did
    lost: list[object] = field(default_factory=list)
    ghosts: list[object] = field(default_factory=list)
    wrong: list[object] = field(default_factory=list)
    judgement: Judgement = field(default_factory=Judgement)
    calls_in_silence: int = 0
    died: list[str] = field(default_factory=list)


class Day:
    """One day on a stage. `say` is told each event, with the seconds since the day began."""

    def __init__(
        self, stage: Stage, seed: str, seconds: float, say: Callable[[str], None] = print, only: str = ""
    ) -> None:
        self._only = only  # troubles with this in their name
        self._stage = stage
        self._random = Random(seed)
        self._seconds = seconds
        self._seed = seed
        self._began = time.monotonic()
        self._say = say
        self._frozen: list[Frozen] = []
        self._found = Findings()

    def run(self) -> Findings:
        """Live through it."""
        site, found = self._stage.site, self._found
        self._canaries = Canaries(site).start()
        self._pace = Pace(site, self._canaries).start()
        bookings = BookingSystems(site, self._seconds, self._seed)
        bad_answers.order(site.index, self._random.randrange(10**6))
        bookings.start()
        time.sleep(min(CALM, self._seconds / 4))
        self._live_through_trouble()
        self._canaries.stop()
        written = bookings.stop()
        site.index.cancel_orders()
        self._tell("peace: no trouble any more, and nothing is written but what gives parked posts a new chance")
        self._come_to_rest(bookings, written)
        self._pace.stop()
        found.alone, found.slowdowns = self._pace.alone(), self._pace.slowdowns()
        before = site.index.summary()["calls"]
        time.sleep(SILENCE)
        found.calls = site.index.summary()["calls"]
        found.calls_in_silence = found.calls - before
        self._compare(written)
        found.judgement = judge(site.index.breaches(), site.index.calls(), _written_down(site), self._frozen)
        processes = (*self._stage.workers, *self._stage.beats)
        found.died = [process.name for process in processes if not process.is_alive]
        return found

    # --- trouble

    def _live_through_trouble(self) -> None:
        deck: list[Trouble] = []
        kinds = [trouble for trouble in TROUBLES if trouble.on in ("", self._stage.kind) and self._only in trouble.name]
        ends = time.monotonic() + self._seconds
        while time.monotonic() < ends or self._found.kills.total() < LEAST:  # one alone may last as long as a short day
            if not deck:  # each kind comes as often as any, first those that this stage is for
                deck = sorted(self._random.sample(kinds, len(kinds)), key=lambda trouble: bool(trouble.on))
            troubles = [deck.pop()]
            if self._random.random() < TWO_AT_ONCE and not troubles[0].spares_the_canary:
                second = self._random.choice([kind for kind in kinds if not kind.spares_the_canary])
                if not set(second.touches.split()) & set(troubles[0].touches.split()):
                    troubles.append(second)
            began, ended = self._bring(troubles)
            self._see_work_go_on(troubles)
            self._pace.trouble(
                " + ".join(trouble.name for trouble in troubles), began, ended, time.monotonic(),
                spares_the_canary=all(trouble.spares_the_canary for trouble in troubles),
            )  # fmt: skip
            time.sleep(self._random.uniform(0, 2))

    def _bring(self, troubles: list[Trouble]) -> tuple[float, float]:
        """See them through; when they began and ended (`time.monotonic`)."""
        began, mark = time.time(), time.monotonic()
        with ThreadPoolExecutor(len(troubles)) as pool:
            works = []
            for trouble in troubles:
                seconds = self._random.uniform(trouble.least, trouble.most)
                self._tell(f"{trouble.name}, for {seconds:.1f} s")
                self._found.kills[trouble.name] += 1
                works.append(pool.submit(trouble.bring, self._stage, Random(self._random.random()), seconds))
        for work in works:
            work.result()
        if any("worker" in trouble.name and "frozen" in trouble.name for trouble in troubles):
            self._frozen.append(Frozen(began, time.time()))
        return mark, time.monotonic()

    def _see_work_go_on(self, troubles: list[Trouble]) -> None:
        """Write a canary and wait for it: how long that takes is the recovery."""
        ended = time.monotonic()
        booking_id = self._canaries.write()
        name = " + ".join(trouble.name for trouble in troubles)
        try:
            wait_until(lambda: self._stage.site.index.content_of(booking_id), name, PATIENCE)
        except AssertionError:
            self._tell(f"    no recovery within {PATIENCE:.0f} s")
            self._found.never_recovered.append(name)
            return
        took = time.monotonic() - ended
        self._tell(f"    recovered after {took:.1f} s")
        if len(troubles) == 1:
            self._found.recovery.setdefault(name, []).append(took)

    # --- peace

    def _come_to_rest(self, bookings: BookingSystems, written: Iterable[Written]) -> None:
        """Until nothing is unread, nothing waits and nothing is parked; parked posts get a new change."""
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            looked_at = time.monotonic()
            pending, parked = _waiting(self._stage.site), _parked(self._stage.site)
            for each in written:
                if parked.get(each.source.name):
                    number = bookings.change_again(each, parked[each.source.name])
                    self._tell(f"{each.source.name}: {number} bookings with parked posts were changed again")
            unread = sum(outcome is None for outcome, _ in self._outcomes().values())
            if not (pending or parked or unread) and looked_at > bookings.over_at:
                self._found.rested_after = time.monotonic() - began
                self._tell(f"at rest after {self._found.rested_after:.1f} s")
                with contextlib.suppress(AssertionError):  # what went alone is said once more, if there is company
                    wait_until(lambda: not _to_be_said_again(self._stage.site), "nothing to repeat", SAID_AGAIN)
                return
            time.sleep(0.5)
        self._tell(
            f"not at rest after {PATIENCE:.0f} s: {pending} posts pending, {unread} rows unread, {parked} parked"
        )

    def _outcomes(self) -> dict[tuple[str, int], tuple[str | None, str | None]]:
        site = self._stage.site
        return {(name, row): said for name in site.sources for row, said in site.outcomes(name).items()}

    def _compare(self, written: Iterable[Written]) -> None:
        """The index with the bookings, and each row's outcome with what it may be."""
        found, site = self._found, self._stage.site
        outcomes = self._outcomes()
        found.rows = len(outcomes)
        should: set[Post] = set()
        for each in written:
            should |= expected.posts(each.plan, each.source, None, now_in_sweden())
            for row, allowed in expected.outcomes(each.plan, each.commits).items():
                outcome, reason = outcomes.pop((each.source.name, row), (None, None))
                if outcome is None:
                    found.lost.append((each.source.name, row))
                elif outcome not in allowed:
                    found.wrong.append((each.source.name, row, outcome, reason, allowed))
        found.lost += [row for row, (outcome, _) in outcomes.items() if outcome != "taken"]  # canaries'
        found.wrong += [row for row in outcomes if row[0] != CANARY]  # rows that nobody remembers to have written
        held = [post for post in site.index.posts() if not post.booking_id.startswith("canary-")]
        _compare_posts(found, held, should)
        missing = self._canaries.written - self._canaries.are_in_the_index()
        found.lost += ["a canary"] * missing

    def _tell(self, what: str) -> None:
        self._say(f"{time.monotonic() - self._began:7.1f} s  {what}")


def _compare_posts(found: Findings, held: list[Post], should: set[Post]) -> None:
    there, wanted = {p._replace(content=None): p for p in held}, {p._replace(content=None): p for p in should}
    found.lost += [_masked(post) for key, post in wanted.items() if key not in there]
    found.ghosts += [_masked(post) for key, post in there.items() if key not in wanted]
    found.wrong += [
        (_masked(post), "should be", wanted[key].content)
        for key, post in there.items()
        if key in wanted and post != wanted[key]
    ]


def _masked(post: Post) -> Post:
    return post._replace(resident_id="(masked)")


def _waiting(site: Site) -> int:
    """How many posts are not yet as they should be, the parked ones apart; or whose time has just passed."""
    unsaid = "wanted <> known AND parked_code IS NULL"
    return int(_ask(site, f"SELECT count(*) FROM ei_post WHERE ({unsaid}) OR expires_at <= now()")[0][0])


def _to_be_said_again(site: Site) -> int:
    """How many lanes have posts that went alone, and will say them once more in company."""
    return int(_ask(site, "SELECT count(*) FROM ei_lane WHERE say_again_at IS NOT NULL")[0][0])


def _parked(site: Site) -> dict[str, set[str]]:
    """The bookings that have parked posts, by source."""
    parked: dict[str, set[str]] = {}
    question = (
        "SELECT source, booking_id FROM ei_post JOIN ei_lane ON ei_lane.id = lane_id WHERE parked_code IS NOT NULL"
    )
    for source, booking_id in _ask(site, question):
        parked.setdefault(source, set()).add(booking_id)
    return parked


def _written_down(site: Site) -> dict[str, WrittenDown]:
    """What the relay has written down of its calls, by correlation id."""
    question = "SELECT correlation_id, extract(epoch FROM lease_until), verdict FROM ei_call"
    return {id_: WrittenDown(float(lease_until), verdict) for id_, lease_until, verdict in _ask(site, question)}


def _ask(site: Site, question: str) -> list[Any]:
    engine = create_engine(site.database_url, poolclass=NullPool)
    with engine.connect() as connection:
        return list(connection.execute(text(question)))
