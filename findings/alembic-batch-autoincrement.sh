#!/bin/sh
# Alembic 1.20.1 with SQLAlchemy 2.1.9 on SQLite: a batch migration takes AUTOINCREMENT off a table.
#
# Expected: batch_alter_table copies the table with everything but the change.
# Behaviour: the new table has no AUTOINCREMENT, so SQLite may give out the id of a deleted row again. Whoever orders by id,
# or remembers ids (an outbox, a queue), takes new rows for old ones after the table was emptied.
# Remedy: batch_alter_table(..., table_kwargs={"sqlite_autoincrement": True}).
# Output seen: the text that expect is given, below.
. "$(dirname "$0")/common.sh"
packages alembic==1.20.1 SQLAlchemy==2.1.9
"$python" - <<'PYTHON' | expect "before: AUTOINCREMENT, next id after emptying: 3
after: no AUTOINCREMENT, next id after emptying: 1"
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
def tell(when, connection):
    sql = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'outbox'").scalar()
    connection.exec_driver_sql("DELETE FROM outbox")
    new = connection.exec_driver_sql("INSERT INTO outbox (note) VALUES ('z') RETURNING id").scalar()
    print(f"{when}: {'' if 'AUTOINCREMENT' in sql else 'no '}AUTOINCREMENT, next id after emptying: {new}")
with sa.create_engine("sqlite://").begin() as connection:
    connection.exec_driver_sql("CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, note VARCHAR(10))")
    connection.exec_driver_sql("INSERT INTO outbox (note) VALUES ('x'), ('y')")
    tell("before", connection)
    with Operations(MigrationContext.configure(connection)).batch_alter_table("outbox") as batch:
        batch.alter_column("note", type_=sa.String(20))
    tell("after", connection)
PYTHON
