"""The tables beside the way of a booking: what is held back, what was decided and by whom, who is at work.

worker    one row a process that does the relay's work, for a day: its host, its clock, what its lists say
publishing_rules  what a source's bookings were or are evaluated by, by fingerprint. This table, a column of
          `held_change` and two of `source` keep older names (`ground`, `weighed_…`): in a rolling upgrade workers of
          the version before read and write them
held_change   a change that would have touched many posts at once, and waits for a decision; held_booking: the
          bookings it keeps as they were
index     what the configuration called each index, and which one that is
audit     who changed what by a command, and why
run       a mass resend by a command: how far it has come, and whether it was cancelled
verification  what the last comparison with an index found, where the index may be asked (relay.flow.maintenance.verify)
chore     what is done now and then by one worker: when it is next due
note      what was last found of something, for whoever asks; the next finding takes its place
onboarding  what was said, seen and ordered on a source's way to being connected; only added to
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, String, Table, Text

from relay.store.columns import ID, LONG_AGO, Instant, metadata

worker = Table(
    "ei_worker",
    metadata,
    Column("instance", String(200), primary_key=True),  # host:process id:start
    Column("host", String(128), nullable=False),
    Column("version", String(64), nullable=False),
    Column("started_at", Instant, nullable=False),  # by the database's clock, as all times here
    Column("seen_at", Instant, nullable=False),
    Column("clock_offset_ms", BigInteger),  # the worker's own clock less the database's; null: not compared
    Column("lists", Text),  # JSON {source: fingerprint of the publishing rules that its files make}
)

publishing_rules = Table(
    "ei_ground",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("fingerprint", String(32), primary_key=True),
    Column("said", Text, nullable=False),  # JSON; all that the fingerprint was made of
    Column("noted_at", Instant, nullable=False),
    Column("agreed_at", Instant),  # when it last came into force; null: never
    Column("returns", Integer, nullable=False, server_default="0"),  # times in a row it came back within a day
)

held_change = Table(
    "ei_held_change",
    metadata,
    Column("id", ID, Identity(), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("kind", String(20), nullable=False),  # lists, removals, arrivals
    Column("status", String(20), nullable=False),  # held, approved, rejected, withdrawn
    Column("ground", String(32)),  # of lists: the publishing rules that would be followed
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

audit = Table(
    "ei_audit",
    metadata,
    Column("id", ID, Identity(), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("who", String(128), nullable=False),
    Column("command", String(64), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("reason", String(500)),
)

run = Table(
    "ei_run",
    metadata,
    Column("id", ID, Identity(), primary_key=True),
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
    Column("next_at", Instant, nullable=False, server_default=LONG_AGO),
)

note = Table(
    "ei_note",
    metadata,
    Column("kind", String(40), primary_key=True),
    Column("subject", String(64), primary_key=True),  # the source, mostly
    Column("said", Text, nullable=False),  # JSON; without personal data
    Column("noted_at", Instant, nullable=False),
)

onboarding = Table(
    "ei_onboarding",
    metadata,
    Column("id", ID, Identity(), primary_key=True),
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
