"""This program and another revision of it by turns, so that what else the machine does disturbs both alike.

Each round is a database of its own, filled with the same rows, and a worker and beat of their own. A pair is one
round of each, and the other begins in every second pair. What counts is the ratio within a pair.

Then the other's floor (`tests.bench.floor`), measured by its own bench, where it has one: what its SQL and messages
cost when nobody thinks.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from relay.demo.postgres import Postgres
from tests.bench.database import Site
from tests.bench.index import Index
from tests.bench.relayed import configuration, running
from tests.bench.revision import THIS, Program, RevisionError

PAIRS: Final = 5
_PATIENCE: Final = 300  # seconds for a backlog: another revision may be slow, and a machine busy


_FLOOR: Final = """
import sys
from itertools import count
from pathlib import Path
from tests.bench.database import Site
from tests.bench.floor import measure
from tests.bench.index import stub
from tests.bench.parts import postgres
folder, rows = Path(sys.argv[1]), int(sys.argv[2])
with postgres() as server, stub(folder) as index:
    template = Site(server, "template")
    template.prepare()
    template.fill(rows)
    template.close()
    print(measure((Site(server, f"site{n}", "template") for n in count(1)), index, rows).played.rate)
"""


class Against(NamedTuple):
    """Rows a second of each round, in the order of the pairs; and of the other's floor, or why that is not known."""

    commit: str
    this: list[float]
    other: list[float]
    floor: float | None = None
    no_floor: str = ""

    @property
    def ratios(self) -> list[float]:
        """This one's rate by the other's, pair by pair."""
        return [this / other for this, other in zip(self.this, self.other, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return median(self.ratios)

    @property
    def ratio_floor(self) -> float | None:
        """This one's rate by the other's floor."""
        return median(self.this) / self.floor if self.floor else None


class Contender(NamedTuple):
    """A program with its filled database, to be copied for each round, and whether its settings have a surge guard."""

    program: Program
    template: str
    guard: bool


def measure(
    server: Postgres, index: Index, other: Program, commit: str, rows: int, pairs: int, folder: Path
) -> Against:
    """A backlog of `rows` through each program, `pairs` times. Raises RevisionError, NotInTimeError."""
    both = [
        _prepared(server, index, program, name, rows, folder) for name, program in (("this", THIS), ("other", other))
    ]
    rates: dict[str, list[float]] = {contender.template: [] for contender in both}
    for pair in range(pairs):
        for contender in both if pair % 2 else reversed(both):
            rate = _round(server, index, contender, f"pair_{pair}_{contender.template}", rows, folder)
            rates[contender.template].append(rate)
    try:
        floor, why = float(other.says("-c", _FLOOR, str(folder), str(rows // 2))), ""
    except (RevisionError, ValueError) as error:  # it is older than the bench, or its bench is another one
        floor, why = None, f"its floor could not be measured by its own bench: {error}"
    return Against(commit, *rates.values(), floor, why)


def _prepared(server: Postgres, index: Index, program: Program, name: str, rows: int, folder: Path) -> Contender:
    """The tables are made by the program's own commands, the rows by the bench."""
    site = Site(server, name)
    config = folder / f"{name}.toml"
    environment = {"EI_RELAY_CONFIG": str(config)}

    def write(guard: bool) -> None:
        config.write_text(configuration(site.url, "redis://localhost", index.url, guard=guard))

    guard = True
    write(guard)
    try:
        program.says("-m", "relay", "config", "check", **environment)
    except RevisionError as error:
        if "surge_guard" not in str(error):
            raise
        guard = False  # it is older than the surge guard
        write(guard)
    program.says("-m", "relay", "db", "upgrade", **environment)
    program.says("-m", "relay", "outbox", "create", **environment)
    site.fill(rows)
    site.close()
    return Contender(program, name, guard)


def _round(server: Postgres, index: Index, contender: Contender, name: str, rows: int, folder: Path) -> float:
    site = Site(server, name, contender.template)
    index.forget()
    try:
        with running(site, index, 1, folder, contender.program, contender.guard):
            return index.await_posts(rows, _PATIENCE).rate
    finally:
        site.drop(server)
