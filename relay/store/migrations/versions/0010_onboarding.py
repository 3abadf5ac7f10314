"""what has been said, seen and ordered on the way to being connected; calls know their environment"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from relay.store.columns import Instant

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "ei_onboarding",
        sa.Column("id", _ID, sa.Identity(), nullable=False),
        sa.Column("environment", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("by_whom", sa.String(length=128), nullable=False),
        sa.Column("on_date", sa.String(length=10), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=True),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.add_column("ei_call", sa.Column("environment", sa.String(length=20), nullable=True))


def downgrade() -> None:
    op.drop_column("ei_call", "environment")
    op.drop_table("ei_onboarding")
