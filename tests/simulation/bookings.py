"""Which posts an outbox asks for: an independent, slow and simple reading of the contract, to hold the relay to.

Knows nothing of the relay's code. It is given the rows in the order of their ids, after the fact.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import NamedTuple


class Expected(NamedTuple):
    """What should stand at the end: the posts by key, and the outcome of each row."""

    posts: dict[tuple[str, ...], str]
    outcomes: list[str]


def winter_instant(wall: str) -> datetime:
    """The instant of a Swedish winter time; the simulation stays in winter."""
    return datetime.fromisoformat(wall).replace(tzinfo=timezone(timedelta(hours=1)))


def expected(rows: list[dict[str, object]], systems: tuple[str, ...], now: datetime) -> Expected:
    """What should stand at `now`, of rows that all came in the order of their ids."""
    latest: dict[str, dict[str, object]] = {}
    version: dict[str, int] = {}
    events: set[object] = set()
    outcomes = []
    for row in rows:
        booking, event = str(row["booking_id"]), row.get("event_id")
        stated = int(str(row["version"])) if row.get("version") is not None else None
        if event is not None and event in events:
            outcomes.append("duplicate")
        elif row.get("bad"):
            outcomes.append("rejected")
        else:
            events.add(event)
            if stated is not None and stated < version.get(booking, stated):
                outcomes.append("superseded")
                continue
            outcomes.append("taken")
            latest[booking] = row
            if stated is not None:
                version[booking] = stated
    posts = {}
    for booking, row in latest.items():
        if row["operation"] == "remove" or row.get("presentable") == 0:
            continue
        ends = [winter_instant(str(row[name])) for name in ("starts_at", "valid_until") if row.get(name)]
        if ends and min(ends) <= now:
            continue
        wanted_system = str(row.get("source_system") or systems[0]).upper()
        system = next(s for s in systems if s.upper() == wanted_system)
        key = (
            str(row["resident_id"]).replace("-", ""),
            str(row["care_unit"]).upper(),
            booking,
            system,
            str(row.get("data_controller") or "SE232100-0016"),
        )
        if row.get("kind") == "open_invitation":
            posts[key] = str(row["invited_on"]).replace("-", "") + "000000"
        else:
            posts[key] = datetime.fromisoformat(str(row["starts_at"])).strftime("%Y%m%d%H%M%S")
    return Expected(posts, outcomes)
