"""A throw-away MariaDB server, from the system's binaries: `apt install mariadb-server`.

It has real accounts and checks privileges, for roles are tested on it. It listens on 127.0.0.1 only and leaves
nothing behind. As root it is run as the user that the package made.

EI_RELAY_TEST_MARIADB names another server, to run the tests with another version, or with Oracle's MySQL.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

import pymysql

from relay.demo.throwaway import ThrowAway, comes_to_answer, free_port

MISSING: Final = "MariaDB WAS NOT TESTED: there is no mariadbd here (on Debian and Ubuntu: apt install mariadb-server)"

_USER: Final = "mysql"
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
_OPTIONS: Final = (
    "--bind-address=127.0.0.1", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=32M", "--performance-schema=OFF", "--max-connections=100",
)  # fmt: skip
_MARIADB_S: Final = ("--innodb-log-file-size=8M",)
_MYSQL_S: Final = ("--mysqlx=OFF", "--secure-file-priv=", "--log-bin-trust-function-creators=ON")


def binary() -> str | None:
    """Where the server is, or None."""
    return shutil.which(os.environ.get("EI_RELAY_TEST_MARIADB", "mariadbd"), path=_PATH)


@cache
def is_mysql() -> bool:
    """Whether the server is Oracle's MySQL."""
    said = subprocess.run([str(binary()), "--version"], capture_output=True, text=True, check=True)
    return "MariaDB" not in said.stdout


def default_role(role: str, account: str) -> str:
    """The statement that makes a role an account's default one, which the two spell differently."""
    return f"SET DEFAULT ROLE {role} {'TO' if is_mysql() else 'FOR'} {account}"


class MariaDb(ThrowAway):
    """One server with its own data folder. `admin` may do everything, from 127.0.0.1, without a password.
    `options` are more of the server's."""

    def __init__(self, *options: str) -> None:
        self.port = 0
        self._options = [option for option in _OPTIONS if not (option == "--skip-log-bin" and options)]
        self._options += [*(_MYSQL_S if binary() and is_mysql() else _MARIADB_S), *options]
        self._process: subprocess.Popen[bytes] | None = None
        self._base = Path(tempfile.mkdtemp(prefix="ei-mariadb-", dir="/tmp"))
        # each removes what another's bootstrap has in a temporary folder that they share
        self._how: dict[str, Any] = {"cwd": self._base, "env": os.environ | {"TMPDIR": str(self._base)}}
        if os.geteuid() == 0:
            user = pwd.getpwnam(_USER)
            os.chown(self._base, user.pw_uid, user.pw_gid)
            self._how |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def url(self, database: str, user: str = "admin", password: str = "") -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"mysql+pymysql://{user}{':' + password if password else ''}@127.0.0.1:{self.port}/{database}"

    def start(self, timeout: float = 60) -> Self:
        """Make the system tables, start, and wait until it answers; at most `timeout` seconds."""
        if not (self._base / "data").exists():
            self._install()
            self.port = free_port()  # not before: in the seconds that takes, somebody else could come to listen on it
        with (self._base / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(binary()), "--no-defaults", f"--datadir={self._base}/data", f"--socket={self._base}/socket",
                 f"--pid-file={self._base}/pid", f"--port={self.port}", f"--init-file={self._base}/admin.sql",
                 *self._options],
                stdout=log, stderr=log, start_new_session=True, **self._how,
            )  # fmt: skip
        if not comes_to_answer(self._process, self._is_ready, timeout):
            raise RuntimeError(f"MariaDB did not start: {(self._base / 'log').read_text()[-2000:]}")
        return self

    @contextmanager
    def administrator(self, database: str | None = None) -> Iterator[pymysql.cursors.Cursor]:
        """A cursor of the account that may do everything; each statement is its own transaction."""
        connection = pymysql.connect(
            host="127.0.0.1", port=self.port, user="admin", database=database, autocommit=True, connect_timeout=5
        )
        with connection, connection.cursor() as cursor:
            yield cursor

    def close(self) -> None:
        """Kill it and remove all of it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
        shutil.rmtree(self._base, ignore_errors=True)

    def _is_ready(self) -> bool:
        try:
            with self.administrator():
                return True
        except pymysql.err.OperationalError:
            return False

    def _install(self) -> None:
        (self._base / "admin.sql").write_text(
            "CREATE USER IF NOT EXISTS admin@'127.0.0.1';\nCREATE USER IF NOT EXISTS admin@localhost;\n"
            "GRANT ALL ON *.* TO admin@'127.0.0.1' WITH GRANT OPTION;\n"
            "GRANT ALL ON *.* TO admin@localhost WITH GRANT OPTION;\n"
        )
        (self._base / "admin.sql").chmod(0o644)
        if is_mysql():
            command = [str(binary()), "--no-defaults", "--initialize-insecure", f"--datadir={self._base}/data",
                       "--secure-file-priv="]  # fmt: skip
        else:
            command = [str(shutil.which("mariadb-install-db", path=_PATH)), "--no-defaults",
                       f"--datadir={self._base}/data", "--auth-root-authentication-method=normal", "--skip-test-db",
                       "--innodb-log-file-size=8M"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self._how)
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
