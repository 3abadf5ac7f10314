"""`./run bench`: measure everything once, one after the other, and print the report."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from relay.demo.throwaway import NoBinariesError
from tests.bench import against, curve, drain, floor, picture, plain, relayed, report, tables
from tests.bench.against import PAIRS
from tests.bench.database import Site
from tests.bench.index import sandbox, stub
from tests.bench.parts import NotInTimeError, postgres
from tests.bench.peers import measure as peers
from tests.bench.peers.measure import SPACING
from tests.bench.revision import RevisionError, checked_out, resolve

LEAST_ROWS: Final = 4000  # the floor has half of them


def main() -> int:
    """Run it all; the exit code is 0 unless something did not come to its end."""
    parser = argparse.ArgumentParser(prog="./run bench", description="What the relay costs, as ratios.")
    parser.add_argument(
        "--rows", type=int, default=20_000, help="a backlog of the relay; the floor has half (%(default)s)"
    )
    parser.add_argument("--plain-rows", type=int, default=1000, help="rows of the plain way (%(default)s)")
    parser.add_argument("--live", type=int, default=20, help="seconds of live bookings (%(default)s)")
    parser.add_argument("--idle", type=int, default=10, help="seconds of nothing to do (%(default)s)")
    parser.add_argument("--sandbox", action="store_true", help="call the sandbox, which checks everything")
    parser.add_argument(
        "--against", metavar="REV", help="another revision, whose backlogs are relayed by turns with this one's"
    )
    parser.add_argument("--pairs", type=int, default=PAIRS, help="rounds of each, with --against (%(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, all else on error")
    alone = parser.add_argument_group("measured by themselves, in place of all else")
    alone.add_argument(
        "--peers",
        action="store_true",
        help="what a team would write without it, and the rules that breaks",
    )
    alone.add_argument("--curve", action="store_true", help="what a row costs as sources, calls and the database grow")
    alone.add_argument(
        "--there",
        type=int,
        nargs="+",
        default=list(curve.THERE),
        help="--curve: posts of older databases",
    )
    alone.add_argument("--picture", type=Path, metavar="FILE", help="--curve: draw it, as SVG")
    alone.add_argument("--drain", type=int, metavar="N", help="N posts that waited for the index, in 20 lanes")
    options = parser.parse_args()
    if options.rows < LEAST_ROWS:
        parser.error(f"--rows: a rate needs several calls of 1000 posts, so expected at least {LEAST_ROWS}")
    if options.pairs < 1:
        parser.error("--pairs: expected at least 1")
    try:
        commit = resolve(options.against) if options.against else None
    except RevisionError as error:
        parser.error(f"--against: {error}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # an exit ends what was started, a signal would not
    with tempfile.TemporaryDirectory(prefix="ei-bench-") as name:
        try:
            if options.peers or options.curve or options.drain:
                return _alone(options, Path(name))
            run = _measure(options, commit, Path(name))
        except NoBinariesError as error:
            sys.exit(str(error))
    print(json.dumps(report.as_object(run), indent=2) if options.json else report.as_text(run))
    return 1 if run.notes else 0


def _alone(options: argparse.Namespace, folder: Path) -> int:
    """The parts that are asked for by themselves."""
    found: dict[str, list[tables.Facts]] = {}
    with postgres() as server:
        if options.peers:
            with sandbox(folder, "--key-spacing", str(SPACING)) as index:
                few, each = options.plain_rows, 20
                found["peers"] = tables.of_peers(list(peers.measure(server, index, options.rows, few, each, folder)))
        if options.curve:
            with stub(folder) as index:
                points = curve.measure(server, index, options.rows, options.there, folder)
            found["curve"] = tables.of_curve(points)
            if options.picture:
                options.picture.write_text(picture.draw(points, report.machine()), encoding="utf-8")
        if options.drain:
            found["drain"] = tables.of_drain(drain.measure(server, options.drain, folder))
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    print(report.machine())
    for name, facts in found.items():
        print(f"\n{tables.as_text(facts)}" + (f"\n{tables.ABOUT_PEERS}" if name == "peers" else ""))
    return 0


def _measure(options: argparse.Namespace, commit: str | None, folder: Path) -> report.Measured:
    """Each part by itself: one that does not come to its end leaves a note, and the others go on."""
    run = report.Measured()
    with postgres() as server, (sandbox if options.sandbox else stub)(folder) as index:
        _say("filling an outbox")
        rows = max(options.rows, options.plain_rows * 2)
        few = max(rows // 2, options.plain_rows * 2)  # the plain way sends some more, in sequence
        template = Site(server, "template")
        template.prepare()
        template.fill(few)
        template.close()
        copies = (Site(server, f"site{number}", "template") for number in count(1))
        with _part(run, "relayed", "the relay: backlogs, live bookings, nothing to do", folder):
            site = next(copies)
            site.fill(rows - few, first=few + 1)
            run.relayed = relayed.measure(site, index, rows, options.live, options.idle, folder)
        with _part(run, "many", f"nothing to do with {relayed.MANY} sources", folder):
            empty = Site(server, "many")
            empty.prepare([relayed.outbox_name(number) for number in range(relayed.MANY)])
            run.many = relayed.measure_idle(empty, index, relayed.MANY, options.idle, folder)
        with _part(run, "polled", "live bookings of an outbox that is only polled", folder):
            site = Site(server, "polled")
            site.prepare()
            run.polled = relayed.measure_polled(site, index, options.live, folder)
        with _part(run, "alone", "the whole relay as one process, with nothing to do", folder):
            site = Site(server, "alone")
            site.prepare()
            run.alone_mib = relayed.measure_alone(site, index, folder)
        with _part(run, "floor", "the relay's steps and the floor, by turns", folder):
            run.floor = floor.measure(copies, index, few)
        with _part(run, "plain", "the plain way", folder):
            run.plain = plain.measure(next(copies), index, options.plain_rows, folder)
        if commit is not None:
            with (
                _part(run, "against", f"backlogs by turns with {commit[:8]}", folder),
                checked_out(commit, folder) as other,
            ):
                run.against = against.measure(server, index, other, commit, options.rows, options.pairs, folder)
    return run


@contextmanager
def _part(run: report.Measured, name: str, what: str, folder: Path) -> Iterator[None]:
    """One part of the run, told of as it begins; where it does not come to its end, what its processes said."""
    _say(what)
    began = time.time()
    try:
        yield
    except (NotInTimeError, RevisionError, SQLAlchemyError) as error:
        run.notes[name] = str(error)
        logs = [log for log in sorted(folder.glob("*.log")) if log.stat().st_mtime >= began]
        _say("\n".join([str(error), *(f"{log.name}: {log.read_text(errors='replace')[-2000:]}" for log in logs)]))


def _say(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
