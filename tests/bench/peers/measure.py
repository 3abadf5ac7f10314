"""Each peer, and the relay, on the same rows: how fast a backlog goes, which rules its calls broke, and whether the
index holds in the end what the bookings say. What is said of rules is what the sandbox's referee noted, nothing else.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import text

from relay.database import reading
from relay.demo.postgres import Postgres
from relay.demo.valkey import Valkey
from tests.bench.database import Site
from tests.bench.index import Accepted, Index, Seen
from tests.bench.parts import await_, process
from tests.bench.peers import workload
from tests.bench.peers.requirements import REQUIREMENTS
from tests.bench.plain import PROCESSES
from tests.bench.relayed import running
from tests.bench.revision import THIS, Program, run

SPACING: Final = 10  # seconds between two sends of a key: told to the relay and to the referee; R-32 has 300
PATIENCE: Final = 180
RULES: Final = ("R-11", "R-31", "R-32")


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a peer runs."""

    site: Site
    index: Index
    folder: Path
    program: Program
    environment: dict[str, str]


class Peer(NamedTuple):
    """One way to send. `one_each`: a call for each row, so that a rate needs fewer of them."""

    name: str
    one_each: bool
    start: Callable[[Stand], ExitStack]
    announce: Callable[[Stand, int, int], None] = lambda _stand, _first, _last: None


class Seat(NamedTuple):
    """What was measured of one peer. `unsent`: rows that it had not marked when nothing changed any more."""

    name: str
    backlog: Accepted
    seen: Seen
    ghosts: int
    lost: int
    wrong: int
    unsent: int

    @property
    def keeps(self) -> bool:
        """Whether it broke none of the rules, and the index was right in the end."""
        return not (self.ghosts or self.lost or self.wrong or any(self.seen.breaches.get(rule) for rule in RULES))


def measure(server: Postgres, index: Index, rows: int, few: int, each: int, folder: Path) -> Iterator[Seat]:
    """The relay and every peer: a backlog of `rows` (`few` where each row is a call), then `each` changes of a kind.
    Raises NotInTimeError, RevisionError where one cannot be had."""
    for number, peer in enumerate(PEERS):
        print(f"… peers: {peer.name}", file=sys.stderr, flush=True)
        yield _one(server, index, peer, f"peer{number}", few if peer.one_each else rows, each, folder)


def _one(server: Postgres, index: Index, peer: Peer, name: str, rows: int, each: int, folder: Path) -> Seat:
    site = Site(server, name)
    site.prepare()
    before = workload.backlog(rows)
    after = workload.changes(before, each)
    workload.write(site.engine, before)
    index.forget()
    with _stand(peer, site, index, folder) as stand:
        peer.announce(stand, 1, len(before))
        with peer.start(stand):
            accepted = index.await_posts(rows, PATIENCE)
            workload.write(site.engine, after)
            peer.announce(stand, len(before) + 1, len(before) + len(after))
            _await_quiet(index)
            unsent = _unsent(site)
    seen, held, wanted = index.seen(), index.posts(), workload.expected([*before, *after])
    site.drop(server)
    return Seat(
        name=peer.name, backlog=accepted, seen=seen, ghosts=len(held.keys() - wanted.keys()),
        lost=len(wanted.keys() - held.keys()), wrong=sum(held.get(key, at) != at for key, at in wanted.items()),
        unsent=unsent,
    )  # fmt: skip


def _await_quiet(index: Index) -> None:
    """Until nothing has changed in the index for longer than a key may have to wait: some call for ever, in vain."""
    changes, since = -1, 0.0

    def quiet() -> bool:
        nonlocal changes, since
        if (now := index.seen().changes) != changes:
            changes, since = now, time.monotonic()
        return time.monotonic() - since > SPACING + 5

    await_("an end of the changes", quiet, PATIENCE)


def _unsent(site: Site) -> int:
    with reading(site.engine) as connection:
        return int(connection.execute(text("SELECT count(*) FROM ei_outbox WHERE outcome IS NULL")).scalar_one())


@contextmanager
def _stand(peer: Peer, site: Site, index: Index, folder: Path) -> Iterator[Stand]:
    with Valkey() as valkey:
        environment = {"BENCH_BROKER": valkey.url, "BENCH_INDEX": index.url, "BENCH_DATABASE": site.url}
        if "in sequence" in peer.name:
            environment["BENCH_LOCK"] = "yes"
        yield Stand(site, index, folder, _program(peer.name.partition(",")[0], folder), environment)


def _program(name: str, folder: Path) -> Program:
    """The peer's interpreter: this one, or one with what it needs, made when first asked for."""
    needs = REQUIREMENTS.get(name)
    if needs is None:
        return THIS
    venv = folder / f"venv-{name}"
    python = venv / "bin" / "python"
    if not python.exists():
        run([sys.executable, "-m", "venv", str(venv)])
        run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *needs])
    return Program(python, THIS.root)


def _relay(stand: Stand) -> ExitStack:
    parts = ExitStack()
    parts.enter_context(running(stand.site, stand.index, 1, stand.folder, wake_up=True, spacing=SPACING))
    return parts


def _runs(module: str, *args: str) -> Callable[[Stand], ExitStack]:
    """What starts `python -m module args` with the peer's environment."""

    def start(stand: Stand) -> ExitStack:
        parts = ExitStack()
        log = stand.folder / f"{stand.site.name}.log"
        parts.enter_context(process(log, module, *args, program=stand.program, **stand.environment))
        return parts

    return start


def _tells(module: str) -> Callable[[Stand, int, int], None]:
    def announce(stand: Stand, first: int, last: int) -> None:
        stand.program.says("-m", module, "announce", str(first), str(last), **stand.environment)

    return announce


def _defers(stand: Stand, first: int, last: int) -> None:
    if first == 1:
        stand.program.says("-m", *_JOBS, "schema", "--apply", **stand.environment)
    _tells(_PROCRASTINATE)(stand, first, last)


_PLAIN: Final = "tests.bench.plain_app"
_PROCRASTINATE: Final = "tests.bench.peers.procrastinate_app"
_JOBS: Final = ("procrastinate", "--app", f"{_PROCRASTINATE}.app")
_FASTSTREAM: Final = "tests.bench.peers.faststream_app"
_CELERY: Final = ("-A", _PLAIN, "worker", "--loglevel", "WARNING", "--concurrency")

PEERS: Final = (
    Peer("the relay", False, _relay),
    Peer("batch script, 1000 rows a call", False, _runs("tests.bench.peers.batch_script")),
    Peer("faststream, batches from a Redis stream", False, _runs(_FASTSTREAM, "worker"), _tells(_FASTSTREAM)),
    Peer("procrastinate, eight at once", True, _runs(*_JOBS, "worker", "--concurrency", str(PROCESSES)), _defers),
    Peer("procrastinate, in sequence by its lock", True, _runs(*_JOBS, "worker", "--concurrency", "1"), _defers),
    Peer("Celery, eight at once", True, _runs("celery", *_CELERY, str(PROCESSES)), _tells(_PLAIN)),
)
