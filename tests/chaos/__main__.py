"""`python -m tests.chaos [--minutes M] [--seed N] [--keep FOLDER]`: ends with 0 only if the day went as promised."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.day import Day
from tests.chaos.report import is_well, table
from tests.chaos.stage import Stage


def main() -> int:
    """Run one day and print its table."""
    parser = argparse.ArgumentParser(prog="./run chaos", description="The relay through a bad day.")
    parser.add_argument("--minutes", type=float, default=1.0, help="of trouble; peace comes after (default: 1)")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="repeats a day's troubles and bookings")
    parser.add_argument("--keep", type=Path, help="a folder for all logs, kept afterwards")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through the stage's end, or its processes would stay
    print(f"--seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with Stage(folder.resolve()) as stage:
            found = Day(stage, options.seed, options.minutes * 60, say=lambda line: print(line, flush=True)).run()
    print(table(found))
    return 0 if is_well(found) else 1


if __name__ == "__main__":
    sys.exit(main())
