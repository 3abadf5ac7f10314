"""`python -m tests.chaos [--minutes M] [--seed N] [--keep FOLDER]`: ends with 0 only if the day went as promised."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.chaos.day import Day
from tests.chaos.report import is_well, table
from tests.chaos.stage import PAIRS, SINGLE, Stage


def main() -> int:
    """Run a day on each stage and print its table."""
    parser = argparse.ArgumentParser(prog="./run chaos", description="The relay through a bad day.")
    parser.add_argument("--minutes", type=float, default=1.0, help="of trouble; peace comes after (default: 1)")
    parser.add_argument(
        "--servers",
        choices=("single", "pairs", "both"),
        default="both",
        help="one server of each kind, or a primary with its copy and Sentinel (default: half of each)",
    )
    parser.add_argument("--only", default="", help="troubles whose name has this in it, such as nord or promoted")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="repeats a day's troubles and bookings")
    parser.add_argument("--keep", type=Path, help="a folder for all logs, kept afterwards")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through the stage's end, or its processes would stay
    print(f"--seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        kinds = (SINGLE, PAIRS) if options.servers == "both" else (options.servers,)
        well = True
        for kind in kinds:
            place = folder / kind
            place.mkdir(exist_ok=True)
            print(f"--- {kind}", flush=True)
            with Stage(place.resolve(), kind) as stage:
                seconds = options.minutes * 60 / len(kinds)
                say = partial(print, flush=True)
                found = Day(stage, options.seed, seconds, say, options.only).run()
            print(table(found), flush=True)
            well = well and is_well(found)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
