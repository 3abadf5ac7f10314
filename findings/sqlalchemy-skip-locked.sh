#!/bin/sh
# SQLAlchemy 2.1.9: with_for_update(skip_locked=True) is left out for SQL Server, without an error or a warning.
#
# Expected: a CompileError where the database has no such clause, or the database's own (READPAST).
# Behaviour: a plain SELECT. Two workers that claim rows this way on SQL Server both get the same rows; the tests on
# PostgreSQL are green.
# Remedy: with_hint(table, "WITH (UPDLOCK, READPAST)", "mssql"), and a test per dialect that reads the SQL.
# Output seen: the text that expect is given, below.
. "$(dirname "$0")/common.sh"
packages SQLAlchemy==2.1.9
"$python" -W error - <<'PYTHON' | expect "postgresql: SELECT job.id FROM job FOR UPDATE SKIP LOCKED
mysql: SELECT job.id FROM job FOR UPDATE SKIP LOCKED
oracle: SELECT job.id FROM job FOR UPDATE SKIP LOCKED
mssql: SELECT job.id FROM job"
import sqlalchemy as sa
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql
claim = sa.select(sa.table("job", sa.column("id"))).with_for_update(skip_locked=True)
for module in (postgresql, mysql, oracle, mssql):
    sql = " ".join(str(claim.compile(dialect=module.dialect())).split())
    print(f"{module.__name__.rsplit('.', 1)[1]}: {sql}")
PYTHON
