"""snapshot runs have a life that ends; rejected rows are found by time"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from relay.store.columns import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    runs = op.create_table(
        "ei_snapshot_run",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("heard_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("source", "run"),
    )
    # Runs that the version before left behind, or that are under way: from now on their time runs.
    lines = sa.table("ei_snapshot", sa.column("source"), sa.column("run"))
    now = sa.literal(datetime.now(UTC), Instant())
    op.execute(
        runs.insert().from_select(["source", "run", "heard_at"], sa.select(lines.c[0], lines.c[1], now).distinct())
    )
    op.create_index(
        "ei_receipt_rejected",
        "ei_receipt",
        ["source", "settled_at"],
        unique=False,
        postgresql_where=sa.text("outcome = 'rejected'"),
        sqlite_where=sa.text("outcome = 'rejected'"),
    )


def downgrade() -> None:
    op.drop_index("ei_receipt_rejected", "ei_receipt")
    op.drop_table("ei_snapshot_run")
