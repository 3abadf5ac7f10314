"""What can be seen from outside while the demo runs: calls and posts in the sandbox, outcomes in the outboxes,
delays and what is unsettled in the relay's database. Read-only."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, Final, NamedTuple

import urllib3
from sqlalchemy import and_, func, or_, select, text

from relay.demo.cast import SYSTEMS, System
from relay.demo.stage import Stage
from relay.store.schema import call, post
from relay.store.transaction import Transaction

Key = tuple[str, str, str, str, str]

_BY_HSA_ID: Final = {system.hsa_id: system for system in SYSTEMS}
_UNITS: Final = {unit.hsa_id: unit.name for system in SYSTEMS for unit in system.units}
_TIMEOUT: Final = 10
_OUTCOMES: Final = "SELECT coalesce(outcome, 'waiting'), count(*) FROM ei_outbox GROUP BY outcome"


class SeenCall(NamedTuple):
    """A call that the sandbox has answered."""

    system: System
    posts: int
    deletes: int
    answer: str
    accepted: bool
    milliseconds: float


class SeenChange(NamedTuple):
    """How a post in the index has changed: `+` new, `~` another time, `-` gone."""

    mark: str
    system: System
    booking_id: str
    unit: str
    when: str
    resident: str  # masked


class Watch:
    """Looks again and again, and tells what is new."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._http = urllib3.PoolManager(timeout=_TIMEOUT, retries=False)
        self._seen_calls = 0
        self.held: dict[Key, str] = {}
        self.calls: list[SeenCall] = []
        self._delays: dict[tuple[int, datetime], float] = {}

    def close(self) -> None:
        """Close the connections to the sandbox."""
        self._http.clear()

    def look(self) -> tuple[list[SeenCall], list[SeenChange]]:
        """The calls answered and the posts changed since the last look."""
        self._note_delays()
        return self._new_calls(), self._changes()

    def listed(self) -> list[dict[str, Any]]:
        """Every post as the sandbox lists it."""
        listed: list[dict[str, Any]] = self._get("posts")
        return listed

    def summary(self) -> dict[str, Any]:
        """The sandbox's own counts, and those of breaches by rule."""
        summary: dict[str, Any] = self._get("summary")
        return summary

    def fail_once(self) -> None:
        """Have the platform fail the next call."""
        order = {"answer": "fault", "text": "VP009: Error connecting to service producer", "times": 1}
        self._ask("POST", "orders", json=order)

    def forget(self) -> int:
        """Let the index's back end die, and with it what it has gathered: how many posts it has forgotten."""
        self._ask("POST", "do/die")
        forgotten: int = self.summary()["forgotten"]
        return forgotten

    def last_call(self) -> int:
        """The relay's own number of its latest call; 0: there was none."""
        latest = select(func.coalesce(func.max(call.c.id), 0))
        number: int = self._stage.store.transact(lambda tx: tx.run(latest).scalar_one())
        return number

    def is_recorded(self, last: int) -> bool:
        """Whether the relay has written down what it was answered to that call, and to all before it."""
        out = select(func.count()).select_from(call).where(call.c.id <= last, call.c.verdict.is_(None))
        return bool(self._stage.store.transact(lambda tx: tx.run(out).scalar_one()) == 0)

    def outcomes(self) -> Counter[str]:
        """How many outbox rows ended how; `waiting` ones have no outcome yet."""
        counts: Counter[str] = Counter()
        for engine in self._stage.outboxes.values():
            with engine.connect() as connection:
                for outcome, number in connection.execute(text(_OUTCOMES)):
                    counts[outcome] += number
        return counts

    def delays(self) -> list[float]:
        """Seconds from a change (or the passing of a time) to the acceptance of its post, in order of size."""
        return sorted(self._delays.values())

    def settled(self) -> bool:
        """Whether every row has its outcome and the relay has nothing more to send."""
        if self.outcomes()["waiting"]:
            return False
        unsent = and_(post.c.wanted != post.c.known, post.c.parked_code.is_(None))

        def left(tx: Transaction) -> int:
            number: int = tx.run(
                select(func.count()).select_from(post).where(or_(unsent, post.c.expires_at <= tx.now))
            ).scalar_one()
            return number

        return self._stage.store.transact(left) == 0 and not self.summary()["busy"]

    def _get(self, what: str) -> Any:
        return self._ask("GET", what).json()

    def _ask(self, method: str, what: str, **options: Any) -> urllib3.BaseHTTPResponse:
        answer = self._http.request(method, f"{self._stage.sandbox_url}/api/{what}", **options)
        if answer.status >= 400:
            raise RuntimeError(f"the sandbox answered {answer.status} when asked for {what}")
        return answer

    def _new_calls(self) -> list[SeenCall]:
        ended = [each for each in self._get("calls") if each["ended"] is not None and each["number"] > self._seen_calls]
        calls = [_seen_call(each) for each in ended]
        self._seen_calls = max([self._seen_calls, *(each["number"] for each in ended)])
        self.calls += calls
        return calls

    def _changes(self) -> list[SeenChange]:
        now = {_key(each): each["most_recent_content"] for each in self.listed()}
        changes = [_seen_change("-", key, content) for key, content in self.held.items() if key not in now]
        for key, content in now.items():
            if key not in self.held:
                changes.append(_seen_change("+", key, content))
            elif self.held[key] != content:
                changes.append(_seen_change("~", key, content))
        self.held = now
        return changes

    def _note_delays(self) -> None:
        accepted = and_(post.c.wanted == post.c.known, call.c.verdict == "accepted")
        query = select(post.c.id, post.c.wanted_since, call.c.ended_at).join(call, call.c.id == post.c.call_id)

        def read(tx: Transaction) -> list[tuple[int, datetime, datetime]]:
            return [(row.id, row.wanted_since, row.ended_at) for row in tx.run(query.where(accepted))]

        for post_id, since, ended in self._stage.store.transact(read):
            if ended >= since:  # else it was changed there and back, and nothing was sent
                self._delays[post_id, since] = (ended - since).total_seconds()


def _seen_call(record: dict[str, Any]) -> SeenCall:
    return SeenCall(
        system=_BY_HSA_ID[record["source_system"]],
        posts=record["posts"],
        deletes=record["deletes"],
        answer=record["answer"],
        accepted=record["outcome"] == "accepted",
        milliseconds=(record["ended"] - record["started"]) * 1000,
    )


def _key(listed: dict[str, Any]) -> Key:
    return (
        listed["registered_resident_identification"], listed["logical_address"],
        listed["business_object_instance_identifier"], listed["source_system"], listed["data_controller"],
    )  # fmt: skip


def _seen_change(mark: str, key: Key, content: str) -> SeenChange:
    resident, unit, booking_id, system, _ = key
    when = f"{content[:4]}-{content[4:6]}-{content[6:8]} {content[8:10]}:{content[10:12]}"
    return SeenChange(mark, _BY_HSA_ID[system], booking_id, _UNITS[unit], when, resident[:4] + "••••")
