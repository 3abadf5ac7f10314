"""workers report themselves; grounds are agreed on; what would change many posts at once is held"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from relay.store.columns import Instant

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None

_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "ei_worker",
        sa.Column("instance", sa.String(length=200), nullable=False),
        sa.Column("host", sa.String(length=128), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("clock_offset_ms", sa.BigInteger(), nullable=True),
        sa.Column("lists", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("instance"),
    )
    op.create_table(
        "ei_ground",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("noted_at", Instant(), nullable=False),
        sa.Column("agreed_at", Instant(), nullable=True),
        sa.Column("returns", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("source", "fingerprint"),
    )
    op.create_table(
        "ei_held_change",
        sa.Column("id", _id, sa.Identity(always=False), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("ground", sa.String(length=32), nullable=True),
        sa.Column("held_at", Instant(), nullable=False),
        sa.Column("grown_at", Instant(), nullable=False),
        sa.Column("present", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("moved", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("details", sa.Text(), nullable=True),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("decided_by", sa.String(length=128), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "ei_held_booking",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("booking_id", sa.String(length=128), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "booking_id"),
    )
    op.create_index("ei_held_booking_change", "ei_held_booking", ["change_id", "booking_id"], unique=False)
    op.create_table(
        "ei_index",
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("identity", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("label"),
    )
    op.add_column("ei_source", sa.Column("agreed", sa.String(length=32), nullable=True))
    op.add_column("ei_source", sa.Column("surge", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("ei_source") as batch:
        batch.drop_column("surge")
        batch.drop_column("agreed")
    op.drop_table("ei_index")
    op.drop_table("ei_held_booking")
    op.drop_table("ei_held_change")
    op.drop_table("ei_ground")
    op.drop_table("ei_worker")
