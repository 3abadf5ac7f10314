"""Alembic's entry: runs the migrations on the connection that `relay.store.migrate` hands it."""

from __future__ import annotations

from alembic import context

from relay.store import ledgers, schema  # noqa: F401 - they fill the metadata
from relay.store.columns import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
    render_as_batch=context.config.attributes["connection"].dialect.name == "sqlite",
    version_table="ei_relay_version",
)
with context.begin_transaction():
    context.run_migrations()
