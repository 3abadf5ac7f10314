"""The tables on the way of a booking. Those beside it are in `relay.store.ledgers`.

    source ──< booking ──< post >── lane ──< call
       └────< receipt

    source    one row a configured source: the lock of its intake, how its outbox answers, and what its bookings are
              judged by
    lane      one row an (index, source system): the lease, when it may call again, and why not now
    booking   what the booking system last said of each booking
    post      one row a key: wanted and known (relay.post), when it was last sent, why it is parked
    call      one row a call: what went out and what came back; open until its answer is recorded
    receipt   what became of each outbox row, so that a row read twice gets one outcome
    row_aside rows of an outbox that are taken, but whose outcome cannot be written
    snapshot  a source's full list of bookings, while it is compared and applied; snapshot_run: who is at it, and when
              it was last heard

The names in the database have `ei_` before them, so that the tables may stand in a database that has others.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    literal_column,
)

from relay.store.columns import ID, LONG_AGO, Instant, metadata

source = Table(
    "ei_source",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("next_look_at", Instant, nullable=False, server_default=LONG_AGO),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("error", String(500)),  # why its outbox cannot be read or marked; null: it can
    Column("error_since", Instant),
    Column("snapshot_run", BigInteger, nullable=False, server_default="0"),  # the list that may be applied to it
    Column("retired_at", Instant),  # null: its bookings are published
    Column("weighed_by", String(32)),  # the publishing rules all its bookings are evaluated by; null: by several
    Column("weighed_to", String(128)),  # the booking that re-evaluating them has come to; null: it is done
    Column("seen", String(32)),  # other rules that the last check found, and the next one may put in force
    Column("next_check_at", Instant, nullable=False, server_default=LONG_AGO),
    Column("policy_error", String(500)),  # why its lists cannot be read; null: they can
    Column("agreed", String(32)),  # the publishing rules in force; null: none yet
    Column("surge", Text),  # JSON; the posts that were removed and made within the last hour (relay.surge)
    Column("outbox_identity", String(64)),  # which table its outbox is, as its database says; null: not known
    Column("ids_restarted_at", Instant),  # when a row was last taken as newer though its id is lower
    Column("outbox_compared_at", Instant),  # when its marks were last compared with the receipts, or that was tried
    Column("restore_suspected_at", Instant),  # not null: rows are marked of which we have no receipt; nothing is sent
    Column("restore_since", Instant),  # about the last that we know of the outbox before those marks
    Column("restore_why", String(500)),  # what was found; also of marks from before our time, which hold nothing back
    Column("restore_trusted_at", Instant),  # marks from before then are taken for ours
    Column("restore_rests_until", Instant),  # its lanes may not call before: what was sent last is not known
)

lane = Table(
    "ei_lane",
    metadata,
    Column("id", ID, Identity(), primary_key=True),
    Column("engagement_index", String(64), nullable=False),
    Column("source_system", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("lease_token", BigInteger, nullable=False, server_default="0"),
    Column("lease_until", Instant, nullable=False, server_default=LONG_AGO),
    Column("open_call", BigInteger),  # the call that is out, or was when its worker died
    Column("next_call_at", Instant, nullable=False, server_default=LONG_AGO),
    Column("next_split_at", Instant, nullable=False, server_default=LONG_AGO),
    Column("next_bulk_at", Instant, nullable=False, server_default=LONG_AGO),
    Column("failures", Integer, nullable=False, server_default="0"),  # failed calls in a row
    Column("paused", Boolean, nullable=False, server_default=false()),
    Column("blocked_code", String(20)),  # null: not blocked
    Column("blocked_text", String(500)),
    Column("blocked_since", Instant),
    Column("failed_at", Instant),  # the end of the last call that failed
    Column("say_again_at", Instant),  # when to look at its unconfirmed posts; null: it has none
    Column("next_refresh_at", Instant),  # when it may say again what the index has; null: never yet
    Column("last_success_at", Instant),
    # The last answer that may mean more when it comes again (relay.flow.delivery.repeats): what it is
    # like, how many in a row,
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
    Column("taken_at", Instant),  # when the row that stands was taken, by our clock or its own, whichever is later
)
_ends = booking.c.over_at.is_not(None)
Index("ei_booking_over", booking.c.removed, booking.c.over_at, postgresql_where=_ends, sqlite_where=_ends)

post = Table(
    "ei_post",
    metadata,
    Column("id", ID, Identity(), primary_key=True),
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
    Column("digest", BigInteger),  # of the text that the index tells posts apart by; null: written by an older version
    UniqueConstraint("booking_id", "lane_id", "resident_id", "care_unit", "data_controller", name="ei_post_key"),
    # Each post is written a second time, when it is accepted; in the same page that costs a fifth less of the log.
    postgresql_with={"fillfactor": 50},
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
_digested = post.c.digest.is_not(None)
Index("ei_post_digest", post.c.digest, postgresql_where=_digested, sqlite_where=_digested)
UNDIGESTED: Final = post.c.digest.is_(None)
Index("ei_post_undigested", post.c.id, postgresql_where=UNDIGESTED, sqlite_where=UNDIGESTED)
COLLIDES: Final = post.c.parked_code == literal_column("'COLLISION'")  # in these very words, as PENDING
Index("ei_post_collision", post.c.digest, postgresql_where=COLLIDES, sqlite_where=COLLIDES)
_absent = (post.c.wanted == "") & (post.c.known == "")
Index("ei_post_absent", post.c.wanted_since, postgresql_where=_absent, sqlite_where=_absent)

call = Table(
    "ei_call",
    metadata,
    Column("id", ID, Identity(), primary_key=True),
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
    Column("content", String(16)),  # only where the row took an event id: what it said (relay.change),
    Column("event_booking", String(128)),  # and of which booking
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
