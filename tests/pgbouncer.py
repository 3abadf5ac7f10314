"""A throw-away PgBouncer in front of a server, from the system's binaries: `apt install pgbouncer`.

EI_RELAY_TEST_PGBOUNCER names another one, to run the tests with another version.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final, Self

import psycopg

from relay.demo.throwaway import ThrowAway, comes_to_answer, free_port

MISSING: Final = "PGBOUNCER WAS NOT TESTED: there is no pgbouncer here (on Debian and Ubuntu: apt install pgbouncer)"
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def binary() -> str | None:
    """Where it is, or None."""
    return shutil.which(os.environ.get("EI_RELAY_TEST_PGBOUNCER", "pgbouncer"), path=_PATH)


class PgBouncer(ThrowAway):
    """One in front of the PostgreSQL server on that port, in `mode`: session or transaction. It lets everybody in.
    `more` are lines of its settings."""

    def __init__(self, server_port: int, mode: str, *, ignores_options: bool, more: str = "") -> None:
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._base = Path(tempfile.mkdtemp(prefix="ei-pgbouncer-", dir="/tmp"))
        self._how: dict[str, Any] = {}
        ignored = "ignore_startup_parameters = options" if ignores_options else ""
        self._settings = (
            f"[databases]\n* = host=127.0.0.1 port={server_port} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = %d\nauth_type = any\npool_mode = {mode}\n{ignored}\nunix_socket_dir =\n"
            f"{more or 'default_pool_size = 3'}\nlogfile = log\n"
        )
        if os.geteuid() == 0:
            user = pwd.getpwnam("nobody")
            os.chown(self._base, user.pw_uid, user.pw_gid)
            self._how = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database behind it."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> Self:
        """Start, and wait until it answers."""
        self.port = free_port()
        (self._base / "ini").write_text(self._settings % self.port)
        self._process = subprocess.Popen(
            [str(binary()), "-q", str(self._base / "ini")], cwd=self._base, stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, start_new_session=True, **self._how,
        )  # fmt: skip
        if not comes_to_answer(self._process, self._is_ready, 20):
            raise RuntimeError("PgBouncer did not start")
        return self

    def close(self) -> None:
        """Kill it and remove all of it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
        shutil.rmtree(self._base, ignore_errors=True)

    def _is_ready(self) -> bool:
        try:
            with psycopg.connect(f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres connect_timeout=2"):
                return True
        except psycopg.OperationalError:
            return False
