"""a booking's refused rows are found by its id; mass resends are recorded, so that one can be cancelled"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from relay.store.columns import Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ei_receipt", sa.Column("booking_id", sa.String(length=128), nullable=True))
    op.add_column("ei_receipt", sa.Column("by_row", sa.BigInteger(), nullable=True))
    op.add_column("ei_receipt", sa.Column("by_version", sa.BigInteger(), nullable=True))
    op.create_index(
        "ei_receipt_booking",
        "ei_receipt",
        ["source", "booking_id"],
        unique=False,
        postgresql_where=sa.text("booking_id IS NOT NULL"),
        sqlite_where=sa.text("booking_id IS NOT NULL"),
    )
    op.add_column("ei_post", sa.Column("run_id", sa.BigInteger(), nullable=True))
    op.add_column("ei_post", sa.Column("known_before", sa.String(length=14), nullable=True))
    op.create_table(
        "ei_run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(), nullable=False),
        sa.Column("command", sa.String(length=64), nullable=False),
        sa.Column("selection", sa.String(length=500), nullable=False),
        sa.Column("who", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("heard_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("cancelled_at", Instant(), nullable=True),
        sa.Column("matched", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("undone", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("ei_run")
    op.drop_column("ei_post", "known_before")
    op.drop_column("ei_post", "run_id")
    op.drop_index("ei_receipt_booking", "ei_receipt")
    op.drop_column("ei_receipt", "by_version")
    op.drop_column("ei_receipt", "by_row")
    op.drop_column("ei_receipt", "booking_id")
