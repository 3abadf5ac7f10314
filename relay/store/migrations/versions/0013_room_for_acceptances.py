"""an accepted post is written beside what it was: new pages of ei_post are filled by half"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":  # says what is done with new pages; none is rewritten
        op.execute("ALTER TABLE ei_post SET (fillfactor = 50)")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE ei_post RESET (fillfactor)")
