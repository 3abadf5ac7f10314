"""`python -m tests.dialect_proof --url URL`: the outbox's contract and bad days, on a server that a site names.

For SQL Server and Oracle, which cannot be had where the tests run, and for any version of another. Makes the table
`ei_outbox` (and `another_outbox`) in the account's own schema for each test and drops it; refuses where one is there.
Ends with 0 if all was proven, 1 if something was not, 2 if nothing was tried.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from relay.database import connect, reading
from relay.outbox.trouble import explain
from tests.outbox import named

SUITE: Final = Path(__file__).parents[1] / "outbox" / "contract"
NEEDS: Final = """\
It needs an account that may, in a schema or database of its own on a server that nobody works with:
  - create, alter and drop a table, its indexes and a trigger (PostgreSQL: and a function; MySQL and MariaDB with a
    binary log: SUPER, or log_bin_trust_function_creators = ON on the server, while it runs)
  - end sessions of its own: PostgreSQL always; MySQL, MariaDB always; SQL Server ALTER ANY CONNECTION;
    Oracle ALTER SYSTEM, and SELECT on v_$session
It makes no account, no role and no other object, sends nothing to an index, and drops its table after each test.
The relay's own database is a SQLite file in a temporary folder.
"""


def main(arguments: list[str] | None = None) -> int:
    """Try it, and say what was proven."""
    parser = argparse.ArgumentParser(
        prog="./run dialect-proof", description="The outbox's contract on a server that you name.", epilog=NEEDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--url", help=f"as in outbox_url; better in the environment, as {named.VARIABLE}")
    parser.add_argument("rest", nargs="*", help="arguments for pytest, after --, such as -k frozen")
    options = parser.parse_args(arguments)
    url: str | None = options.url or named.NAMED
    if url is None:
        parser.error(f"name a server, by --url or {named.VARIABLE}")
    try:
        named.kind_of(url)
        engine = connect(url)
    except (KeyError, ArgumentError, NoSuchModuleError, ModuleNotFoundError):
        print("The URL is none of PostgreSQL, MySQL, MariaDB, SQL Server or Oracle, or its driver is not installed.")
        return 2
    try:
        if not _may_begin(engine):
            return 2
        print(NEEDS, flush=True)
        environment = os.environ | {named.VARIABLE: url, "PYTHONHASHSEED": "0"}
        suite = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-vv", "--tb=short", "--no-header", SUITE]
        done = subprocess.run([*suite, *options.rest], env=environment, check=False)
        try:
            named.drop(engine)  # where a test was killed
        except SQLAlchemyError as error:
            print(f"Drop ei_outbox and another_outbox by hand: {explain(error, 'ei_outbox')}.")
    finally:
        engine.dispose()
    print(_verdict(done.returncode))
    return min(done.returncode, 1)


def _may_begin(engine: Engine) -> bool:
    """Whether the server answers, and has no table that we would take for ours; says why not."""
    try:
        with reading(engine) as connection:
            version = ".".join(map(str, connection.dialect.server_version_info or ()))
            shown: Any = engine.url.render_as_string(hide_password=True)
            print(f"{shown}\nanswers: {engine.dialect.name} {version}, driver {engine.dialect.driver}")
        found = named.there(engine)
        filled = [name for name in found if _has_rows(engine, name)]
    except SQLAlchemyError as error:
        print(f"It cannot be begun: {explain(error, 'ei_outbox')}.")
        return False
    if found:
        rows = f", and {' and '.join(filled)} has rows" if filled else ""
        print(f"Refused: {' and '.join(found)} is there already{rows}. Name a schema or database without it.")
    return not found


def _has_rows(engine: Engine, table: str) -> bool:
    with reading(engine) as connection:
        return connection.execute(text(f"SELECT 1 FROM {table}")).first() is not None


def _verdict(code: int) -> str:
    if code == 0:
        return "Proven, but for what was skipped with a reason above."
    return "Not proven: see the failures above. They are worth an issue, with the server's version and the driver's."


if __name__ == "__main__":
    sys.exit(main())
