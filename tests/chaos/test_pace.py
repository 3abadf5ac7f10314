"""What others' trouble costs an innocent is a ratio of medians: of what was written meanwhile, and without any."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.chaos.pace import Pace


def pace(*delays: tuple[float, float]) -> Pace:
    """Of canaries, each written at a moment and so many seconds under way."""
    canaries: Any = SimpleNamespace(written_at={f"canary-{n}": at for n, (at, _) in enumerate(delays)})
    site: Any = SimpleNamespace(index=SimpleNamespace(_url="http://none"))
    found = Pace(site, canaries)
    found._arrived = {f"canary-{n}": at + delay for n, (at, delay) in enumerate(delays)}
    return found


def test_the_worst_of_each_kind_counts_and_recovery_is_no_calm() -> None:
    calm = [(float(at), 1.0) for at in range(10)]
    first, second = [(20.0 + n, 1.5) for n in range(4)], [(40.0 + n, 3.0) for n in range(4)]
    recovering = [(50.0 + n, 90.0) for n in range(9)]
    found = pace(*calm, *first, *second, *recovering)
    found.trouble("nord's table locked", 20, 24, 25, spares_the_canary=True)
    found.trouble("nord's table locked", 40, 44, 45, spares_the_canary=True)
    found.trouble("database frozen", 49, 50, 60, spares_the_canary=False)

    assert found.alone() == 1.0
    assert found.slowdowns() == {"nord's table locked": 3.0}


def test_of_too_few_nothing_is_said() -> None:
    found = pace((1.0, 1.0), (2.0, 1.0), (20.0, 9.0))
    found.trouble("nord's table locked", 20, 24, 25, spares_the_canary=True)
    assert found.alone() is None
    assert found.slowdowns() == {}
