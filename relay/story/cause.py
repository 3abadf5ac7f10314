"""One cause that can keep a booking from the index, and what several tables of them share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from relay.language.said import Said, say
from relay.story.facts import Facts
from relay.story.words import clock, lasting, plain

SILENT: Final = timedelta(minutes=3)  # a worker looks after each source every minute
A_CALL: Final = timedelta(seconds=2)  # what one call of a full lane takes, for an estimate
NOTHING_TO_DO: Final = say("nothing to do")


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause. `because` and `do` are parts of a sentence."""

    code: str
    because: Said
    do: Said = NOTHING_TO_DO
    until: datetime | None = None  # when it will have passed by itself; None: it will not, or nobody can say


def no_worker(f: Facts) -> Cause | None:
    """Whether nobody is at work for this source."""
    seen = f.source.looked_at
    if seen is not None and f.now - seen <= SILENT:
        return None
    because = (
        say("no worker has looked at this source for {time}", time=lasting(f.now - seen))
        if seen is not None
        else say("no worker has looked at this source yet")
    )
    do = say("start the workers and their beat (`ei-relay workers list`, `ei-relay status`)")
    return Cause("no_worker", because, do)


def restore_suspected(f: Facts) -> Cause | None:
    """Whether nothing is sent for the source, since the relay's database seems to be an older one."""
    source = f.source
    if source.restore_at is None:
        return None
    because = say(
        "nothing is sent of the source {source} since {time}, as the relay's database seems to have been restored: "
        "{why}", source=source.name, time=clock(source.restore_at, f.now), why=plain(source.restore_why),
    )  # fmt: skip
    do = say("read again what was lost with `ei-relay recover --source {source}` (docs/runbook.md)", source=source.name)
    return Cause("restore_suspected", because, do)
