"""posts are said again: in company, and now and then

Only columns and indexes are added. A worker of the version before writes neither, and reads none of them: what it sends
alone is not noted as unconfirmed, and is said again by the refresh.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from relay.store.columns import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PRESENT = sa.text("wanted = known AND wanted != '' AND parked_code IS NULL")
UNCONFIRMED = sa.text("unconfirmed > 0 AND wanted = known AND parked_code IS NULL")


def upgrade() -> None:
    op.add_column("ei_lane", sa.Column("say_again_at", Instant(), nullable=True))
    op.add_column("ei_lane", sa.Column("next_refresh_at", Instant(), nullable=True))
    op.add_column("ei_post", sa.Column("unconfirmed", sa.Integer(), server_default="0", nullable=False))
    op.add_column("ei_post", sa.Column("held_until", Instant(), nullable=True))
    for name, where in (("ei_post_company", PRESENT), ("ei_post_unconfirmed", UNCONFIRMED)):
        op.create_index(
            name, "ei_post", ["lane_id", "sent_at"], unique=False, postgresql_where=where, sqlite_where=where
        )


def downgrade() -> None:
    op.drop_index("ei_post_unconfirmed", "ei_post")
    op.drop_index("ei_post_company", "ei_post")
    op.drop_column("ei_post", "held_until")
    op.drop_column("ei_post", "unconfirmed")
    op.drop_column("ei_lane", "next_refresh_at")
    op.drop_column("ei_lane", "say_again_at")
