"""what a row said is kept with its event id, when a booking's row was taken, and what the index compares posts by"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from relay.store.columns import Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_HAS_DIGEST = "digest IS NOT NULL"
_NO_DIGEST = "digest IS NULL"
_COLLIDES = "parked_code = 'COLLISION'"


def upgrade() -> None:
    op.add_column("ei_source", sa.Column("ids_restarted_at", Instant(), nullable=True))
    op.add_column("ei_booking", sa.Column("taken_at", Instant(), nullable=True))
    op.add_column("ei_receipt", sa.Column("content", sa.String(length=16), nullable=True))
    op.add_column("ei_receipt", sa.Column("event_booking", sa.String(length=128), nullable=True))
    # Those of posts that are there are filled in by workers, a batch at a time: nobody waits for it here.
    op.add_column("ei_post", sa.Column("digest", sa.BigInteger(), nullable=True))
    for name, column, where in (
        ("ei_post_digest", "digest", _HAS_DIGEST),
        ("ei_post_undigested", "id", _NO_DIGEST),
        ("ei_post_collision", "digest", _COLLIDES),
    ):
        op.create_index(
            name, "ei_post", [column], unique=False, postgresql_where=sa.text(where), sqlite_where=sa.text(where)
        )


def downgrade() -> None:
    for name in ("ei_post_collision", "ei_post_undigested", "ei_post_digest"):
        op.drop_index(name, "ei_post")
    for table, column in (
        ("ei_post", "digest"),
        ("ei_receipt", "event_booking"),
        ("ei_receipt", "content"),
        ("ei_booking", "taken_at"),
        ("ei_source", "ids_restarted_at"),
    ):
        op.drop_column(table, column)
