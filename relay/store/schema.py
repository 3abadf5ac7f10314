"""The relay's own tables.

    source ──< booking ──< post >── lane ──< call
       └────< receipt

    source    one row a configured source: the lock of its intake, how its outbox answers, and what its bookings are
              weighed by
    worker    one row a process that does the relay's work, for a day: its host, its clock, what its lists say
    ground    what a source's bookings were or are judged by, by fingerprint
    held_change   a change that would have touched many posts at once, and waits for somebody's word; held_booking: the
              bookings it keeps as they were
    index     what the configuration called each index, and which one that is
    lane      one row an (index, source system): the lease, when it may call again, and why not now
    booking   what the booking system last said of each booking
    post      one row a key: wanted and known (relay.post), when it was last sent, why it is parked
    call      one row a call: what went out and what came back; open until its answer is recorded
    receipt   what became of each outbox row, so that a row read twice gets one outcome
    snapshot  a source's full list of bookings, while it is compared and applied; snapshot_run: who is at it, and when
              it was last heard
    run       a mass resend by a command: how far it has come, and whether it was cancelled
    audit     who changed what by a command, and why
    verification  what the last comparison with an index found, where the index may be asked (relay.flow.verify)
    row_aside rows of an outbox that are taken, but whose outcome cannot be written
    chore     what is done now and then by one worker: when it is next due
    onboarding  what was said, seen and ordered on a source's way to being connected; only added to

The names in the database have `ei_` before them, so that the tables may stand in a database that has others.
Times are instants in UTC. Numbers that grow are 64 bits wide everywhere.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata: Final = MetaData()


class Instant(TypeDecorator[datetime]):
    """An aware UTC time: timestamptz on PostgreSQL, sortable ISO text of fixed width on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        stored: TypeEngine[Any] = Text() if dialect.name == "sqlite" else DateTime(timezone=True)
        return dialect.type_descriptor(stored)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        return iso(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return datetime.fromisoformat(value) if isinstance(value, str) else value


def iso(value: datetime) -> str:
    """The instant as text that sorts as time does: 2026-12-24T09:30:00.000000+00:00."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


_id = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by an INTEGER key only
_LONG_AGO = text("'1970-01-01T00:00:00.000000+00:00'")

source = Table(
    "ei_source",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("next_look_at", Instant, nullable=False, server_default=_LONG_AGO),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("error", String(500)),  # why its outbox cannot be read or marked; null: it can
    Column("error_since", Instant),
    Column("snapshot_run", BigInteger, nullable=False, server_default="0"),  # the list that may be applied to it
    Column("retired_at", Instant),  # null: its bookings are published
    Column("weighed_by", String(32)),  # the ground all its bookings are weighed by (flow.ground); null: by several
    Column("weighed_to", String(128)),  # the booking that weighing them again has come to; null: it is done
    Column("seen", String(32)),  # another ground that the last check found, and the next one may begin to weigh by
    Column("next_check_at", Instant, nullable=False, server_default=_LONG_AGO),
    Column("policy_error", String(500)),  # why its lists cannot be read; null: they can
    Column("agreed", String(32)),  # the ground that stands (`ground`): what its bookings are judged by; null: none yet
    Column("surge", Text),  # JSON; the posts that were removed and made within the last hour (relay.surge)
    Column("outbox_identity", String(64)),  # which table its outbox is, as its database says; null: not known
)

worker = Table(
    "ei_worker",
    metadata,
    Column("instance", String(200), primary_key=True),  # host:process id:start
    Column("host", String(128), nullable=False),
    Column("version", String(64), nullable=False),
    Column("started_at", Instant, nullable=False),  # by the database's clock, as all times here
    Column("seen_at", Instant, nullable=False),
    Column("clock_offset_ms", BigInteger),  # the worker's own clock less the database's; null: not compared
    Column("lists", Text),  # JSON {source: fingerprint of the ground that its files make}
)

ground = Table(
    "ei_ground",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("fingerprint", String(32), primary_key=True),
    Column("said", Text, nullable=False),  # JSON; all that the fingerprint was made of
    Column("noted_at", Instant, nullable=False),
    Column("agreed_at", Instant),  # when it last became the one that stands; null: never
    Column("returns", Integer, nullable=False, server_default="0"),  # times in a row it came back within a day
)

held_change = Table(
    "ei_held_change",
    metadata,
    Column("id", _id, Identity(), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("kind", String(20), nullable=False),  # lists, removals, arrivals
    Column("status", String(20), nullable=False),  # held, approved, rejected, withdrawn
    Column("ground", String(32)),  # of lists: what would be followed
    Column("held_at", Instant, nullable=False),
    Column("grown_at", Instant, nullable=False),
    Column("present", BigInteger, nullable=False),  # the source's present posts when it was held
    Column("removed", BigInteger, nullable=False, server_default="0"),  # bookings; as the next three
    Column("moved", BigInteger, nullable=False, server_default="0"),
    Column("created", BigInteger, nullable=False, server_default="0"),
    Column("changed", BigInteger, nullable=False, server_default="0"),
    Column("why", String(500), nullable=False),
    Column("details", Text),  # JSON; of lists: the numbers by care unit
    Column("decided_at", Instant),
    Column("decided_by", String(128)),
    Column("reason", String(500)),
    Column("ended_at", Instant),  # null: it still keeps something back
)

held_booking = Table(
    "ei_held_booking",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("booking_id", String(128), primary_key=True),
    Column("change_id", BigInteger, nullable=False),  # what its posts should be is not followed because of this one
)
Index("ei_held_booking_change", held_booking.c.change_id, held_booking.c.booking_id)

index = Table(
    "ei_index",
    metadata,
    Column("label", String(64), primary_key=True),  # as the configuration calls it, and the lanes
    Column("identity", String(400), nullable=False),  # its logical address and the host of its URL
)

worker = Table(
    "ei_worker",
    metadata,
    Column("instance", String(200), primary_key=True),  # host:process id:start
    Column("host", String(128), nullable=False),
    Column("version", String(64), nullable=False),
    Column("started_at", Instant, nullable=False),  # by the database's clock, as all times here
    Column("seen_at", Instant, nullable=False),
    Column("clock_offset_ms", BigInteger),  # the worker's own clock less the database's; null: not compared
    Column("lists", Text),  # JSON {source: fingerprint of the ground that its files make}
)

ground = Table(
    "ei_ground",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("fingerprint", String(32), primary_key=True),
    Column("said", Text, nullable=False),  # JSON; all that the fingerprint was made of
    Column("noted_at", Instant, nullable=False),
    Column("agreed_at", Instant),  # when it last became the one that stands; null: never
    Column("returns", Integer, nullable=False, server_default="0"),  # times in a row it came back within a day
)

held_change = Table(
    "ei_held_change",
    metadata,
    Column("id", _id, Identity(), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("kind", String(20), nullable=False),  # lists, removals, arrivals
    Column("status", String(20), nullable=False),  # held, approved, rejected, withdrawn
    Column("ground", String(32)),  # of lists: what would be followed
    Column("held_at", Instant, nullable=False),
    Column("grown_at", Instant, nullable=False),
    Column("present", BigInteger, nullable=False),  # the source's present posts when it was held
    Column("removed", BigInteger, nullable=False, server_default="0"),  # bookings; as the next three
    Column("moved", BigInteger, nullable=False, server_default="0"),
    Column("created", BigInteger, nullable=False, server_default="0"),
    Column("changed", BigInteger, nullable=False, server_default="0"),
    Column("why", String(500), nullable=False),
    Column("details", Text),  # JSON; of lists: the numbers by care unit
    Column("decided_at", Instant),
    Column("decided_by", String(128)),
    Column("reason", String(500)),
    Column("ended_at", Instant),  # null: it still keeps something back
)

held_booking = Table(
    "ei_held_booking",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("booking_id", String(128), primary_key=True),
    Column("change_id", BigInteger, nullable=False),  # what its posts should be is not followed because of this one
)
Index("ei_held_booking_change", held_booking.c.change_id, held_booking.c.booking_id)

lane = Table(
    "ei_lane",
    metadata,
    Column("id", _id, Identity(), primary_key=True),
    Column("engagement_index", String(64), nullable=False),
    Column("source_system", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("lease_token", BigInteger, nullable=False, server_default="0"),
    Column("lease_until", Instant, nullable=False, server_default=_LONG_AGO),
    Column("open_call", BigInteger),  # the call that is out, or was when its worker died
    Column("next_call_at", Instant, nullable=False, server_default=_LONG_AGO),
    Column("next_split_at", Instant, nullable=False, server_default=_LONG_AGO),
    Column("next_bulk_at", Instant, nullable=False, server_default=_LONG_AGO),
    Column("failures", Integer, nullable=False, server_default="0"),  # calls in a row that brought nothing
    Column("paused", Boolean, nullable=False, server_default=false()),
    Column("blocked_code", String(20)),  # null: not blocked
    Column("blocked_text", String(500)),
    Column("blocked_since", Instant),
    Column("failed_at", Instant),  # the end of the last call that brought nothing
    Column("say_again_at", Instant),  # when to look at its unconfirmed posts; null: it has none
    Column("next_refresh_at", Instant),  # when it may say again what the index has; null: never yet
    Column("last_success_at", Instant),
    # The last answer that may mean more when it comes again (relay.flow.repeats): what it is like, how many in a row,
    Column("fault_like", String(40)),
    Column("fault_count", Integer, nullable=False, server_default="0"),
    Column("fault_since", Instant),  # the first one's time,
    Column("fault_call", BigInteger),  # and the last one's call
    Column("call_limit", Integer),  # most posts of a call, while larger ones may be refused for their size
    Column("limit_until", Instant),  # null: the next call finds out whether size is the cause
    Column("failed_posts", Integer),  # the posts of the call that failed
    UniqueConstraint("engagement_index", "source_system", name="ei_lane_name"),
)

booking = Table(
    "ei_booking",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("booking_id", String(128), primary_key=True),
    Column("row_id", BigInteger, nullable=False),
    Column("row_version", BigInteger),
    Column("version", BigInteger),
    Column("source_system", String(64), nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("resident_id", String(32)),  # a local reserve identity may be longer than 12
    Column("care_unit", String(64)),
    Column("kind", String(20)),
    Column("starts_at", String(19)),  # naive Swedish time as ISO text
    Column("invited_on", String(10)),
    Column("valid_until", String(19)),
    Column("presentable", Boolean),
    Column("data_controller", String(64)),
    Column("changed_at", Instant, nullable=False),  # when its row was taken, or when the list it is from was
    Column("over_at", Instant),  # when it is or was over: removed, or its time passed; null: it has no end
)
_ends = booking.c.over_at.is_not(None)
Index("ei_booking_over", booking.c.removed, booking.c.over_at, postgresql_where=_ends, sqlite_where=_ends)

post = Table(
    "ei_post",
    metadata,
    Column("id", _id, Identity(), primary_key=True),
    Column("lane_id", BigInteger, nullable=False),
    Column("booking_id", String(128), nullable=False),
    Column("resident_id", String(12), nullable=False),
    Column("care_unit", String(64), nullable=False),
    Column("data_controller", String(64), nullable=False),
    Column("wanted", String(14), nullable=False),
    Column("wanted_since", Instant, nullable=False),  # when what is wanted was registered: R-33 counts from here
    Column("expires_at", Instant),  # null: never
    Column("known", String(14), nullable=False, server_default=""),
    Column("sent_at", Instant),  # the end of the last call that counts as sent
    Column("bulk", Boolean, nullable=False, server_default=false()),  # sent at R-34's pace, behind live changes
    Column("suspect", BigInteger),  # posts of one number were refused together and are sent together (narrowing)
    Column("attempts", Integer, nullable=False, server_default="0"),  # refusals for content since the last change
    Column("parked_code", String(20)),  # null: not parked
    Column("parked_text", String(500)),
    Column("parked_at", Instant),
    Column("call_id", BigInteger),  # the last call that carried it
    Column("run_id", BigInteger),  # the run that last had it sent again (ei_run), and what was known of it before:
    Column("known_before", String(14)),  # so a run that is cancelled can give back what was not sent yet
    Column("unconfirmed", Integer, nullable=False, server_default="0"),  # lone calls that said what is known
    Column("held_until", Instant),  # a delete that waits for company is no reason to take its lane before
    UniqueConstraint("booking_id", "lane_id", "resident_id", "care_unit", "data_controller", name="ei_post_key"),
)

# The only posts a call is read from. Its index stays as small as what waits, whatever the history; a question finds it
# only when it asks in these very words.
PENDING: Final = (post.c.wanted != post.c.known) & post.c.parked_code.is_(None)
Index(
    "ei_post_pending",
    post.c.lane_id,
    post.c.suspect,
    post.c.bulk,
    post.c.wanted_since,
    post.c.id,  # of many that came in one transaction, a call reads no more than it carries
    postgresql_where=PENDING,
    sqlite_where=PENDING,
)
# What the index has, the longest unsaid first: who goes along with a lone post, and what is to be said again.
PRESENT: Final = (post.c.wanted == post.c.known) & (post.c.wanted != "") & post.c.parked_code.is_(None)
Index("ei_post_company", post.c.lane_id, post.c.sent_at, postgresql_where=PRESENT, sqlite_where=PRESENT)
UNCONFIRMED: Final = (post.c.unconfirmed > 0) & (post.c.wanted == post.c.known) & post.c.parked_code.is_(None)
Index("ei_post_unconfirmed", post.c.lane_id, post.c.sent_at, postgresql_where=UNCONFIRMED, sqlite_where=UNCONFIRMED)
_present = post.c.expires_at.is_not(None)
Index("ei_post_expiry", post.c.expires_at, postgresql_where=_present, sqlite_where=_present)
_parked = post.c.parked_code.is_not(None)
Index("ei_post_parked", post.c.parked_at, postgresql_where=_parked, sqlite_where=_parked)
_absent = (post.c.wanted == "") & (post.c.known == "")
Index("ei_post_absent", post.c.wanted_since, postgresql_where=_absent, sqlite_where=_absent)

call = Table(
    "ei_call",
    metadata,
    Column("id", _id, Identity(), primary_key=True),
    Column("lane_id", BigInteger, nullable=False),
    Column("correlation_id", String(36), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("lease_until", Instant, nullable=False),  # the end that counts where no answer was recorded
    Column("ended_at", Instant),
    Column("posts", Integer, nullable=False),
    Column("post_ids", Text),  # JSON; only while the call is open: what is in doubt if its worker dies
    Column("verdict", String(20)),
    Column("code", String(20)),
    Column("text", String(500)),  # masked
    Column("environment", String(20)),  # that it was made in: what was seen in QA says nothing of production
    Column("detail", String(1000)),  # masked: the producer's status and the exception first
    Column("routed", Boolean),  # whether the answer came from the platform's routing; null: there was none
    Column("producer_ms", Integer),  # how long the platform waited for the index, as it says
)
Index("ei_call_started", call.c.started_at)

receipt = Table(
    "ei_receipt",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("row_id", BigInteger, primary_key=True),
    Column("fingerprint", String(16), nullable=False),
    Column("event_id", String(64)),  # only where the row took it
    Column("outcome", String(20), nullable=False),
    Column("reason", String(500)),
    Column("settled_at", Instant, nullable=False),
    Column("booking_id", String(128)),  # only where the row was not taken
    Column("by_row", BigInteger),  # of a superseded row: the row that stood,
    Column("by_version", BigInteger),  # and the highest version taken
)
_not_taken = receipt.c.booking_id.is_not(None)
Index(
    "ei_receipt_booking",
    receipt.c.source,
    receipt.c.booking_id,
    postgresql_where=_not_taken,
    sqlite_where=_not_taken,
)
_took = receipt.c.event_id.is_not(None)
Index("ei_receipt_event", receipt.c.source, receipt.c.event_id, postgresql_where=_took, sqlite_where=_took)
_rejected = receipt.c.outcome == "rejected"
Index(
    "ei_receipt_rejected",
    receipt.c.source,
    receipt.c.settled_at,
    postgresql_where=_rejected,
    sqlite_where=_rejected,
)

snapshot = Table(
    "ei_snapshot",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("booking_id", String(128), primary_key=True),
    Column("line", BigInteger),  # null: it is not on the list
    Column("fate", String(10), nullable=False),
    Column("said", Text),  # JSON; only where it is to be applied
)

snapshot_run = Table(
    "ei_snapshot_run",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("heard_at", Instant),  # when it last did something; null: it is given up, and its lines go
)

row_aside = Table(
    "ei_row_aside",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("row_id", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", String(500), nullable=False),
    Column("since", Instant, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", Instant, nullable=False),  # before that it is not tried again
)

audit = Table(
    "ei_audit",
    metadata,
    Column("id", _id, Identity(), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("who", String(128), nullable=False),
    Column("command", String(64), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("reason", String(500)),
)

run = Table(
    "ei_run",
    metadata,
    Column("id", _id, Identity(), primary_key=True),
    Column("command", String(64), nullable=False),
    Column("selection", String(500), nullable=False),  # what was asked for; names no person
    Column("who", String(128), nullable=False),
    Column("reason", String(500)),
    Column("started_at", Instant, nullable=False),
    Column("heard_at", Instant, nullable=False),  # when it last did something
    Column("ended_at", Instant),
    Column("cancelled_at", Instant),
    Column("matched", BigInteger, nullable=False, server_default="0"),
    Column("changed", BigInteger, nullable=False, server_default="0"),
    Column("undone", BigInteger, nullable=False, server_default="0"),
)

verification = Table(
    "ei_verification",
    metadata,
    Column("engagement_index", String(64), primary_key=True),
    Column("ended_at", Instant, nullable=False),
    Column("equal", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False),
    Column("ghost", BigInteger, nullable=False),
    Column("wrong", BigInteger, nullable=False),
    Column("unsettled", BigInteger, nullable=False),
)

chore = Table(
    "ei_chore",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("next_at", Instant, nullable=False, server_default=_LONG_AGO),
)

onboarding = Table(
    "ei_onboarding",
    metadata,
    Column("id", _id, Identity(), primary_key=True),
    Column("environment", String(20), nullable=False),
    Column("source", String(64), nullable=False),  # "": of every source
    Column("step", String(40), nullable=False),
    Column("subject", String(64), nullable=False),  # the care unit's HSA-id where a step is done unit by unit; else ""
    Column("state", String(20), nullable=False),
    Column("by_whom", String(128), nullable=False),
    Column("on_date", String(10), nullable=False),
    Column("note", String(500)),
    Column("document", Text),  # JSON: what was ordered, or what a rehearsal showed
    Column("recorded_at", Instant, nullable=False),
)
