"""What the story of one booking is told from. Values only, read elsewhere; nothing in them names a resident."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from relay.booking import Booking, Withheld
from relay.post import WantedPost


@dataclass(frozen=True, slots=True)
class Row:
    """An outbox row of the booking: what the outbox says of it, what the receipt says, or both."""

    id: int
    written_at: datetime | None = None
    operation: str | None = None
    version: int | None = None
    event_id: str | None = None
    outcome: str | None = None  # None: it waits unread
    reason: str | None = None
    settled_at: datetime | None = None
    by_row: int | None = None  # superseded: the row that stood; duplicate: the row that took its event_id
    by_version: int | None = None
    by_own: bool = False  # the row that took its event_id is one of this booking's


@dataclass(frozen=True, slots=True)
class Source:
    """The booking system, and how its outbox and its lists are read."""

    name: str
    configured: bool = True
    retired_at: datetime | None = None
    error: str | None = None  # why the workers cannot read or mark its outbox
    error_since: datetime | None = None
    policy_error: str | None = None  # why its lists cannot be read
    looked_at: datetime | None = None  # when a worker last looked after it; None: never
    evaluating: bool = False  # its bookings are being evaluated again
    trouble: str | None = None  # why its outbox could not be read just now, for this story
    back_to: int | None = None  # settled rows were looked for back to this one; None: in all
    restore_at: datetime | None = None  # since when nothing is sent: the relay's database seems to be an older one
    restore_why: str | None = None
    rests_until: datetime | None = None  # nothing is sent before: what was sent last is not known


@dataclass(frozen=True, slots=True)
class Lists:
    """What the source's lists say of this booking's unit and resident."""

    units: str | None = None  # the file; None: every unit is connected
    units_at: datetime | None = None
    unit_listed: bool = False
    residents: str | None = None
    residents_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A change that the surge guard holds, and with it what the booking should be by now."""

    change: int
    kind: str  # lists, removals, arrivals
    status: str  # held, approved, rejected
    why: str
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call that carried a post."""

    id: int
    correlation_id: str
    started_at: datetime
    ends_at: datetime  # its lease's end, where no answer was recorded
    ended_at: datetime | None
    posts: int
    verdict: str | None
    code: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Lane:
    """The lane a post goes by, as it stands."""

    name: str
    index: str
    configured: bool = True  # its index and source system are in the configuration
    paused: bool = False
    blocked_code: str | None = None
    blocked_text: str | None = None
    blocked_since: datetime | None = None
    failures: int = 0
    failed_at: datetime | None = None
    last_code: str | None = None  # of the last call of this lane that is known of
    last_text: str | None = None
    next_call_at: datetime | None = None
    say_again_at: datetime | None = None  # when what was said alone is looked at; None: nothing was
    next_split_at: datetime | None = None
    next_bulk_at: datetime | None = None
    busy_until: datetime | None = None  # a call is out, until then at most
    away: int = 0  # how many lanes of the index have failed since it last took a call


@dataclass(frozen=True, slots=True)
class Pace:
    """The settings of an index that say when a post may go."""

    key_spacing: timedelta = timedelta(minutes=5)
    bulk_call_interval: timedelta = timedelta(seconds=5)
    split_call_interval: timedelta = timedelta(seconds=5)
    max_posts_per_call: int = 1000
    poll_interval: timedelta = timedelta(seconds=1)
    wide_trouble: int = 3  # lanes that failed, from which on an index counts as away


@dataclass(frozen=True, slots=True)
class Post:
    """A post that the booking has or has had."""

    key: int
    care_unit: str
    data_controller: str
    wanted: str
    wanted_since: datetime
    known: str
    sent_at: datetime | None
    bulk: bool
    suspect: bool
    parked_code: str | None
    parked_text: str | None
    parked_at: datetime | None
    lane: Lane
    pace: Pace
    call: Call | None = None  # the last that carried it
    out: Call | None = None  # one that is out, or was when its worker died
    ahead: int = 0  # posts that wait before it
    current: bool = False  # it is under the key that the booking has now
    run_id: int | None = None
    held_until: datetime | None = None  # a lone delete, which waits for company until then
    unconfirmed: int = 0  # calls of its own that said what is known, since one of several posts did

    @property
    def pending(self) -> bool:
        """Whether something is still to be sent of it."""
        return self.wanted != self.known


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of one booking, at `now`."""

    now: datetime
    booking_id: str  # masked
    source: Source
    rows: tuple[Row, ...] = ()  # oldest first
    booking: Booking | None = None  # as it was taken
    changed_at: datetime | None = None
    over_at: datetime | None = None
    next: Booking | None = None  # as it will be when the rows that wait are taken; the same as `booking` where none do
    unreadable: str | None = None  # why a row that waits will be rejected
    withheld: tuple[Withheld, ...] = ()  # why `next` should have no post, the reason that decides first
    wanted: WantedPost | None = None  # the post that `next` should have
    decided: bool = True  # False: the lists cannot be read here, so nobody can say what it should have
    lists: Lists = Lists()
    held: Held | None = None  # of the booking, by what its outbox said
    held_lists: Held | None = None  # of the lists, as they are now
    posts: tuple[Post, ...] = ()
    pace: Pace = Pace()

    @property
    def target(self) -> Post | None:
        """The post under the key that the booking has now."""
        return next((post for post in self.posts if post.current), None)

    @property
    def unread(self) -> tuple[Row, ...]:
        """The rows that wait."""
        return tuple(row for row in self.rows if row.outcome is None)
