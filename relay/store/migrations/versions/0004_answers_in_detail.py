"""answers are kept in detail; lanes remember the answers that may mean more when they come again"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from relay.store.columns import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_RESULTS = ("equal", "lost", "ghost", "wrong", "unsettled")


def _columns() -> dict[str, tuple[sa.Column[Any], ...]]:
    """New ones each time, as a column is bound to the table that it was added to."""
    return {
        "ei_call": (
            sa.Column("detail", sa.String(length=1000), nullable=True),
            sa.Column("routed", sa.Boolean(), nullable=True),
            sa.Column("producer_ms", sa.Integer(), nullable=True),
        ),
        "ei_lane": (
            sa.Column("fault_like", sa.String(length=40), nullable=True),
            sa.Column("fault_count", sa.Integer(), server_default="0", nullable=False),
            sa.Column("fault_since", Instant(), nullable=True),
            sa.Column("fault_call", sa.BigInteger(), nullable=True),
            sa.Column("call_limit", sa.Integer(), nullable=True),
            sa.Column("limit_until", Instant(), nullable=True),
            sa.Column("failed_posts", sa.Integer(), nullable=True),
        ),
    }


def upgrade() -> None:
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    op.create_table(
        "ei_verification",
        sa.Column("engagement_index", sa.String(length=64), nullable=False),
        sa.Column("ended_at", Instant(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _RESULTS),
        sa.PrimaryKeyConstraint("engagement_index"),
    )


def downgrade() -> None:
    op.drop_table("ei_verification")
    for table, columns in _columns().items():
        for column in columns:
            op.drop_column(table, column.name)
