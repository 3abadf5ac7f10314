"""The short form of `./run chaos`: a bad minute. EI_TEST_SEED repeats one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from tests.chaos.day import LEAST, Day
from tests.chaos.report import is_well, table
from tests.chaos.stage import SYSTEMS, Stage

pytestmark = pytest.mark.integration

SECONDS = 30  # of trouble; set-up, the last recovery, the rest and the silence make it well over a minute


def test_after_a_bad_minute_the_index_equals_the_bookings_and_no_rule_was_broken(tmp_path: Path) -> None:
    """R-31, R-32, R-35 all through it, nothing lost and nothing too much after it, and then silence."""
    seed = os.environ.get("EI_TEST_SEED") or secrets.token_hex(4)
    print(f"\nEI_TEST_SEED={seed}")
    with Stage(tmp_path) as stage:
        found = Day(stage, seed, SECONDS).run()
    print(table(found))
    assert found.rows > 100
    assert found.calls >= sum(map(len, SYSTEMS.values())) + 1  # of each lane one, and of the canary's
    assert found.kills.total() >= LEAST
    assert is_well(found)
