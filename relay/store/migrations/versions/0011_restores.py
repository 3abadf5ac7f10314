"""a source's row says whether the relay's database was restored to a time before what its outbox knows"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from relay.store.columns import Instant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TIMES = (
    "outbox_compared_at",
    "restore_suspected_at",
    "restore_since",
    "restore_trusted_at",
    "restore_rests_until",
)


def upgrade() -> None:
    for name in _TIMES:
        op.add_column("ei_source", sa.Column(name, Instant(), nullable=True))
    op.add_column("ei_source", sa.Column("restore_why", sa.String(length=500), nullable=True))


def downgrade() -> None:
    op.drop_column("ei_source", "restore_why")
    for name in reversed(_TIMES):
        op.drop_column("ei_source", name)
