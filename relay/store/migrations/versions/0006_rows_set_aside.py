"""rows whose outcome cannot be written are set aside; each source says which table it reads"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from relay.store.columns import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ei_row_aside",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("row_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("source", "row_id"),
    )
    op.add_column("ei_source", sa.Column("outbox_identity", sa.String(length=64), nullable=True))


def downgrade() -> None:
    op.drop_column("ei_source", "outbox_identity")
    op.drop_table("ei_row_aside")
