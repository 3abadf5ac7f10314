"""Ten thousand random changes from three booking systems, while workers and the scheduler are killed at random.

The story is run once; each test looks at one side of how it ended. The seed is printed; EI_TEST_SEED repeats one.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from relay.demo.valkey import Valkey
from tests.integration import expected, residents
from tests.integration.changes import Plan, World, now_in_sweden, plan
from tests.integration.conftest import NewDatabase
from tests.integration.expected import Commit
from tests.integration.index import Post
from tests.integration.processes import Process
from tests.integration.site import Pace, Site, Source
from tests.integration.writers import Writers
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

SIZES = {"nord": 4000, "syd": 3000, "vast": 3000}
SYSTEMS = {"nord": ("SE2321000016-84GX", "se2321000016-84gy"), "syd": ("SE2321000024-1A01",), "vast": ("HSA-VAST-1",)}
UNITS = tuple(f"SE2321000016-1HZ{n}" for n in range(8))
SYD_UNITS = {UNITS[0]: None, UNITS[1]: "SE232100-0099", UNITS[2]: None}  # connected in the south, and as whose
WRITING_SECONDS = 22
KILLS = 5
PACE = Pace(key_spacing=2, retry_after_fault=1, retry_after_fault_max=2, call_timeout=6, latency=0.3)


@dataclass(frozen=True)
class Ended:
    """How the story ended."""

    settled: bool
    posts: list[Post]
    expected_posts: set[Post]
    outcomes: dict[str, dict[int, tuple[str | None, str | None]]]
    plans: list[Plan]
    commits: dict[str, dict[int, Commit]]
    breaches: list[dict[str, Any]]
    calls_before_silence: int
    calls_after_silence: int
    kills: Counter[str]
    logs: dict[str, str]
    status: dict[str, Any]


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Iterator[Ended]:
    seed = os.environ.get("EI_TEST_SEED") or secrets.token_hex(4)
    print(f"\nEI_TEST_SEED={seed}")
    folder = tmp_path_factory.mktemp("storm")
    sources = [
        Source("nord", SYSTEMS["nord"], outbox_url=new_database()),
        Source("syd", SYSTEMS["syd"], care_units=str(_syd_units(folder))),
        Source("vast", SYSTEMS["vast"], outbox_table="public.vast_outbox"),
    ]
    with Valkey() as valkey, Site(folder, new_database(), sources, broker_url=valkey.url, pace=PACE) as site:
        site.prepare()
        yield _run(site, seed)


def _run(site: Site, seed: str) -> Ended:
    start = now_in_sweden()
    plans = [
        plan(
            World(source.name, source.source_systems, UNITS, start, WRITING_SECONDS, writers=3, any_value=True),
            SIZES[source.name], bookings=500, seed=f"{seed} {source.name}",
        )
        for source in site.sources.values()
    ]  # fmt: skip
    over_at = time.monotonic() + WRITING_SECONDS + 1  # no wall clock, which may be set back an hour meanwhile
    processes = [site.start_worker("worker-1"), site.start_worker("worker-2"), site.start_beat()]
    wait_until(lambda: all("ready" in p.log() for p in processes[:2]), "both workers ready")

    writers = Writers(site, plans, WRITING_SECONDS, held_back=0.3).start()
    kills = _kill_at_random(site, processes, Random(seed), writers)
    assert not writers.failures, writers.failures

    def expected_posts() -> set[Post]:
        units = {"syd": SYD_UNITS}
        now = now_in_sweden()
        return {
            post for p in plans for post in expected.posts(p, site.sources[p.source], units.get(p.source), now)
        }  # fmt: skip

    def is_settled() -> bool:
        return (
            time.monotonic() > over_at
            and site.unread() == 0
            and Counter(site.index.posts()) == Counter(expected_posts())
            and all(lane["pending"] == 0 for lane in site.status()["lanes"])
            and not site.will_say_again()
        )

    settled = _comes_true(is_settled)
    before = site.index.summary()["calls"]
    time.sleep(PACE.key_spacing + 4)  # four poll intervals, after which whatever was put off is due: nothing may come
    return Ended(
        settled=settled,
        posts=site.index.posts(),
        expected_posts=expected_posts(),
        outcomes={name: site.outcomes(name) for name in site.sources},
        plans=plans,
        commits=writers.commits,
        breaches=site.index.breaches(),
        calls_before_silence=before,
        calls_after_silence=site.index.summary()["calls"],
        kills=kills,
        logs=site.logs(),
        status=site.status(),
    )


def _kill_at_random(site: Site, processes: list[Process], random: Random, writers: Writers) -> Counter[str]:
    """Kill processes and start them again, as long as there is writing, and there is until some were; how often each.

    First all at once while a call is out, so that at least one call surely has no end; then one at a time.
    """
    site.kill_in_a_call(processes)
    kills = Counter(process.name for process in processes)
    for process in processes:
        process.start()
    while writers.are_writing:
        time.sleep(random.uniform(1.5, 4))
        victim = random.choice(processes)
        victim.kill()
        victim.start()
        kills[victim.name] += 1
        if kills.total() >= KILLS:
            writers.release()
    return kills


def _comes_true(condition: Any) -> bool:
    """Whether it does; the tests below say what did not."""
    try:
        wait_until(condition, "settled")
    except AssertionError:
        return False
    return True


def _syd_units(folder: Path) -> Path:
    header = "hsa_id,name,county,municipality_code,municipality,address,active,data_controller"
    connected = [
        f"{unit.lower()},Enhet,Exempel län,,,,true,{controller or ''}" for unit, controller in SYD_UNITS.items()
    ]
    path = folder / "care-units.csv"
    path.write_text("\n".join([header, *connected, f"{UNITS[3]},Enhet,Exempel län,,,,false,"]), encoding="utf-8")
    return path


def test_the_index_equals_the_bookings(storm: Ended) -> None:
    """R-20, R-21, R-22: exactly one post for each booking that should have one, and nothing else."""
    assert len(storm.expected_posts) > 300
    assert len(storm.posts) == len(set(storm.posts))
    assert set(storm.posts) - storm.expected_posts == set(), "ghosts"
    assert storm.expected_posts - set(storm.posts) == set(), "missing"
    assert storm.settled


def test_processes_were_killed_meanwhile(storm: Ended) -> None:
    print("killed:", dict(storm.kills))
    assert storm.kills.total() >= KILLS
    assert "a worker died during a call" in "".join(storm.logs.values())


def test_no_rule_was_broken(storm: Ended) -> None:
    """R-01…R-11 in every message; R-31, R-32 and R-35 between the calls."""
    assert storm.breaches == []


def test_every_row_has_the_outcome_it_should(storm: Ended) -> None:
    for plan_ in storm.plans:
        found = storm.outcomes[plan_.source]
        allowed = expected.outcomes(plan_, storm.commits[plan_.source])
        assert found.keys() == allowed.keys()
        wrong = {row: (found[row], outcomes) for row, outcomes in allowed.items() if found[row][0] not in outcomes}
        assert wrong == {}
        # and the four outcomes all came up, most of them foreseeable to the letter
        assert {outcome for outcome, _ in found.values()} == {"taken", "superseded", "rejected", "duplicate"}
        assert sum(len(outcomes) == 1 for outcomes in allowed.values()) > 0.7 * len(allowed)


def test_every_rejected_row_says_which_field_and_never_who(storm: Ended) -> None:
    for plan_ in storm.plans:
        found = storm.outcomes[plan_.source]
        for row in plan_.rows:
            assert not row.wrong or (found[row.id][1] or "").startswith(f"{row.wrong}: "), (row, found[row.id])
        reasons = "\n".join(reason or "" for _, reason in found.values())
        assert not any(spelling in reasons for person in plan_.residents for spelling in residents.spellings(person))


def test_then_there_is_silence_and_nothing_is_wrong_but_the_rows_that_were(storm: Ended) -> None:
    assert [line for line in storm.status["wrong"] if "rows were rejected" not in line] == []
    # of each lane at least one: the slower this machine, the more posts a call carries
    assert storm.calls_after_silence == storm.calls_before_silence >= sum(map(len, SYSTEMS.values()))


def test_no_log_of_any_process_names_a_resident(storm: Ended) -> None:
    assert {"worker-1.err", "worker-2.err", "beat.err", "sandbox.err"} <= storm.logs.keys()
    assert "call ended" in storm.logs["worker-1.err"] + storm.logs["worker-2.err"]
    everything = "\n".join(storm.logs.values())
    people = {person for plan_ in storm.plans for person in plan_.residents}
    assert len(people) > 1000
    assert [
        person for person in people if any(spelling in everything for spelling in residents.spellings(person))
    ] == []
