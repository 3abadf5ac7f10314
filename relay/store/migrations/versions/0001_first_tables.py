"""the relay's tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from relay.store.columns import Instant

LONG_AGO = sa.text("'1970-01-01T00:00:00.000000+00:00'")
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ei_booking",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("booking_id", sa.String(length=128), nullable=False),
        sa.Column("row_id", sa.BigInteger(), nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("source_system", sa.String(length=64), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("resident_id", sa.String(length=32), nullable=True),
        sa.Column("care_unit", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=True),
        sa.Column("starts_at", sa.String(length=19), nullable=True),
        sa.Column("invited_on", sa.String(length=10), nullable=True),
        sa.Column("valid_until", sa.String(length=19), nullable=True),
        sa.Column("presentable", sa.Boolean(), nullable=True),
        sa.Column("data_controller", sa.String(length=64), nullable=True),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("over_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("source", "booking_id"),
    )
    op.create_index(
        "ei_booking_over",
        "ei_booking",
        ["removed", "over_at"],
        unique=False,
        postgresql_where=sa.text("over_at IS NOT NULL"),
        sqlite_where=sa.text("over_at IS NOT NULL"),
    )
    op.create_table(
        "ei_call",
        sa.Column("id", ID, sa.Identity(always=False), nullable=False),
        sa.Column("lane_id", sa.BigInteger(), nullable=False),
        sa.Column("correlation_id", sa.String(length=36), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("lease_until", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("posts", sa.Integer(), nullable=False),
        sa.Column("post_ids", sa.Text(), nullable=True),
        sa.Column("verdict", sa.String(length=20), nullable=True),
        sa.Column("code", sa.String(length=20), nullable=True),
        sa.Column("text", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ei_call_started", "ei_call", ["started_at"], unique=False)

    op.create_table(
        "ei_lane",
        sa.Column("id", ID, sa.Identity(always=False), nullable=False),
        sa.Column("engagement_index", sa.String(length=64), nullable=False),
        sa.Column("source_system", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("lease_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_until", Instant(), server_default=LONG_AGO, nullable=False),
        sa.Column("open_call", sa.BigInteger(), nullable=True),
        sa.Column("next_call_at", Instant(), server_default=LONG_AGO, nullable=False),
        sa.Column("next_split_at", Instant(), server_default=LONG_AGO, nullable=False),
        sa.Column("next_bulk_at", Instant(), server_default=LONG_AGO, nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("blocked_code", sa.String(length=20), nullable=True),
        sa.Column("blocked_text", sa.String(length=500), nullable=True),
        sa.Column("blocked_since", Instant(), nullable=True),
        sa.Column("failed_at", Instant(), nullable=True),
        sa.Column("last_success_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("engagement_index", "source_system", name="ei_lane_name"),
    )
    op.create_table(
        "ei_post",
        sa.Column("id", ID, sa.Identity(always=False), nullable=False),
        sa.Column("lane_id", sa.BigInteger(), nullable=False),
        sa.Column("booking_id", sa.String(length=128), nullable=False),
        sa.Column("resident_id", sa.String(length=12), nullable=False),
        sa.Column("care_unit", sa.String(length=64), nullable=False),
        sa.Column("data_controller", sa.String(length=64), nullable=False),
        sa.Column("wanted", sa.String(length=14), nullable=False),
        sa.Column("wanted_since", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("known", sa.String(length=14), server_default="", nullable=False),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("bulk", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("suspect", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("parked_code", sa.String(length=20), nullable=True),
        sa.Column("parked_text", sa.String(length=500), nullable=True),
        sa.Column("parked_at", Instant(), nullable=True),
        sa.Column("call_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("booking_id", "lane_id", "resident_id", "care_unit", "data_controller", name="ei_post_key"),
    )
    op.create_index(
        "ei_post_absent",
        "ei_post",
        ["wanted_since"],
        unique=False,
        postgresql_where=sa.text("wanted = '' AND known = ''"),
        sqlite_where=sa.text("wanted = '' AND known = ''"),
    )
    op.create_index(
        "ei_post_expiry",
        "ei_post",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("expires_at IS NOT NULL"),
        sqlite_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_index(
        "ei_post_parked",
        "ei_post",
        ["parked_at"],
        unique=False,
        postgresql_where=sa.text("parked_code IS NOT NULL"),
        sqlite_where=sa.text("parked_code IS NOT NULL"),
    )
    op.create_index(
        "ei_post_pending",
        "ei_post",
        ["lane_id", "suspect", "bulk", "wanted_since", "id"],
        unique=False,
        postgresql_where=sa.text("wanted != known AND parked_code IS NULL"),
        sqlite_where=sa.text("wanted != known AND parked_code IS NULL"),
    )

    op.create_table(
        "ei_receipt",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("row_id", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("settled_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("source", "row_id"),
    )
    op.create_index(
        "ei_receipt_event",
        "ei_receipt",
        ["source", "event_id"],
        unique=False,
        postgresql_where=sa.text("event_id IS NOT NULL"),
        sqlite_where=sa.text("event_id IS NOT NULL"),
    )

    op.create_table(
        "ei_source",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("next_look_at", Instant(), server_default=LONG_AGO, nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("error_since", Instant(), nullable=True),
        sa.Column("snapshot_run", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("retired_at", Instant(), nullable=True),
        sa.Column("weighed_by", sa.String(length=32), nullable=True),
        sa.Column("weighed_to", sa.String(length=128), nullable=True),
        sa.Column("seen", sa.String(length=32), nullable=True),
        sa.Column("next_check_at", Instant(), server_default=LONG_AGO, nullable=False),
        sa.Column("policy_error", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "ei_snapshot",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("booking_id", sa.String(length=128), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("fate", sa.String(length=10), nullable=False),
        sa.Column("said", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("source", "run", "booking_id"),
    )
    op.create_table(
        "ei_audit",
        sa.Column("id", ID, sa.Identity(always=False), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("who", sa.String(length=128), nullable=False),
        sa.Column("command", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "ei_chore",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("next_at", Instant(), server_default=LONG_AGO, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # A lane's row is written several times a call: room on its page keeps those writes out of the indexes.
        op.execute("ALTER TABLE ei_lane SET (fillfactor = 20, autovacuum_vacuum_scale_factor = 0)")
        # Posts wait in a small partial index: dead entries there cost every claim.
        op.execute("ALTER TABLE ei_post SET (autovacuum_vacuum_scale_factor = 0.02)")


def downgrade() -> None:
    tables = ("chore", "audit", "snapshot", "source", "receipt", "post", "lane", "call", "booking")
    for table in tables:
        op.drop_table(f"ei_{table}")
