"""`./run bench`: measure everything once, one after the other, and print the report."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import Final

from relay.demo.throwaway import NoBinariesError
from tests.bench import floor, plain, relayed, report
from tests.bench.database import Site
from tests.bench.index import sandbox, stub
from tests.bench.parts import NotInTimeError, postgres

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
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.rows < LEAST_ROWS:
        parser.error(f"--rows: a rate needs several calls of 1000 posts, so expected at least {LEAST_ROWS}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # an exit ends what was started, a signal would not
    with tempfile.TemporaryDirectory(prefix="ei-bench-") as name:
        folder = Path(name)
        try:
            text = _measure(options, folder)
        except NoBinariesError as error:
            sys.exit(str(error))
        except NotInTimeError as error:
            logs = "\n".join(f"{log.name}: {log.read_text(errors='replace')[-2000:]}" for log in folder.glob("*.log"))
            sys.exit(f"{error}\n{logs}")
    print(text)
    return 0


def _measure(options: argparse.Namespace, folder: Path) -> str:
    with postgres() as server, (sandbox if options.sandbox else stub)(folder) as index:
        _say("filling an outbox")
        rows = max(options.rows, options.plain_rows * 2)
        few = max(rows // 2, options.plain_rows * 2)  # the plain way sends some more, in sequence
        template = Site(server, "template")
        template.prepare()
        template.fill(few)
        template.close()
        copies = (Site(server, f"site{number}", "template") for number in count(1))
        _say("the relay: backlogs, live bookings, nothing to do")
        site = next(copies)
        site.fill(rows - few, first=few + 1)
        of_relay = relayed.measure(site, index, rows, options.live, options.idle, folder)
        _say(f"nothing to do with {relayed.MANY} sources")
        empty = Site(server, "many")
        empty.prepare([relayed.outbox_name(number) for number in range(relayed.MANY)])
        of_many = relayed.measure_idle(empty, index, relayed.MANY, options.idle, folder)
        _say("the relay's steps and the floor, by turns")
        of_floor = floor.measure(copies, index, few)
        _say("the plain way")
        of_plain = plain.measure(next(copies), index, options.plain_rows, folder)
    if options.json:
        return json.dumps(report.as_object(of_relay, of_many, of_plain, of_floor), indent=2)
    return report.as_text(of_relay, of_many, of_plain, of_floor)


def _say(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
