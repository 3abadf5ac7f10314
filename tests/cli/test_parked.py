"""`parked`, `reprocess` and `audit`: exit codes, what stands on stdout, and what is kept of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from relay.database import connect
from relay.store import lanes, sources
from relay.store.migrate import upgrade
from relay.store.transaction import Store, Transaction
from tests.cli.conftest import Run
from tests.made import RESIDENT
from tests.store.conftest import LANE, SOURCE
from tests.store.steps import CONTENT, alter, row, want

CONFIG = """
environment = "qa"
database_url = "sqlite:///{folder}/relay.db"
[engagement_index.national]
url = "http://127.0.0.1:9/Update"
logical_address = "5565594230"
[[source]]
name = "tidbok-nord"
source_systems = ["SE2321000016-84GX"]
data_controller = "SE232100-0016"
engagement_index = "national"
test_residents = "*"
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    engine = connect(f"sqlite:///{tmp_path}/relay.db")
    upgrade(engine)
    return Store(engine)


@pytest.fixture(autouse=True)
def configuration(tmp_path: Path) -> None:
    """A site that has this test's database."""
    (tmp_path / "relay.toml").write_text(CONFIG.format(folder=tmp_path), encoding="utf-8")


@pytest.fixture
def ids(store: Store) -> list[int]:
    """Two posts that are parked, with different codes, and one that the index holds."""

    def work(tx: Transaction) -> int:
        sources.ensure(tx, [SOURCE])
        lanes.ensure(tx, [(LANE, SOURCE)])
        return lanes.of_source(tx, SOURCE)[LANE]

    made = want(store, store.transact(work), "b-1", "b-2", "b-3")
    for post_id, code in zip(made, ("EI004", "EI001"), strict=False):
        alter(store, post_id, parked_code=code, parked_text="refused", parked_at=row(store, post_id).wanted_since)
    alter(store, made[2], known=CONTENT)
    return made


def audited(run: Run) -> list[tuple[str, str, str | None]]:
    entries: list[dict[str, Any]] = json.loads(run("audit", "list", "--json").stdout)
    return [(e["who"], e["command"], e["reason"]) for e in entries]


def test_parked_posts_are_listed_and_counted(run: Run, ids: list[int]) -> None:
    told = json.loads(run("parked", "list", "--json").stdout)
    assert told["total"] == 2
    assert [(c["source"], c["code"], c["posts"]) for c in told["counts"]] == [
        (SOURCE, "EI001", 1),
        (SOURCE, "EI004", 1),
    ]
    assert [post["key"] for post in told["posts"]] == [ids[1], ids[0]]
    one = json.loads(run("parked", "list", "--code", "EI004", "--json").stdout)
    assert [post["key"] for post in one["posts"]] == [ids[0]]
    assert "and 1 more" in run("parked", "list", "--limit", "1").stdout


def test_a_parked_post_is_shown(run: Run, ids: list[int]) -> None:
    shown = json.loads(run("parked", "show", str(ids[0]), "--json").stdout)
    assert (shown["state"], shown["parked_code"], shown["resident_id"]) == ("parked", "EI004", "(masked)")
    assert "EI004" in run("parked", "show", str(ids[0])).stdout
    assert "no such post is parked" in run("parked", "show", str(ids[2]), code=3).stderr


@pytest.mark.parametrize("listing", [["parked", "list"], ["parked", "show", "{}"], ["posts", "show", "{}"]])
def test_an_identity_that_a_booking_system_put_in_its_own_ids_is_masked(
    run: Run, store: Store, ids: list[int], listing: list[str]
) -> None:
    alter(store, ids[0], booking_id=f"b-{RESIDENT}", care_unit=RESIDENT, data_controller=RESIDENT)
    command = [part.format(ids[0]) for part in listing]

    assert "[identity]" in run(*command).stdout  # `run` sees to it that the identity itself is not there
    assert "b-[identity]" in run(*command, "--json").stdout


def test_a_retry_and_a_discard_say_how_many_and_are_audited(run: Run, store: Store, ids: list[int]) -> None:
    assert run("parked", "retry", str(ids[0])).stdout == "1 post will be sent again\n"
    assert run("parked", "discard", "--all", "--reason", "a test person").stdout == "1 post discarded\n"

    assert json.loads(run("parked", "list", "--json", code=3).stdout)["total"] == 0
    assert json.loads(run("parked", "show", str(ids[1]), "--json").stdout)["state"] == "discarded"
    assert audited(run) == [
        ("anna", "parked discard ended", "a test person"),
        ("anna", "parked discard", "a test person"),
        ("anna", "parked retry ended", None),
        ("anna", "parked retry", None),
    ]


def test_a_reprocess_says_first_what_it_would_do(run: Run, store: Store, ids: list[int]) -> None:
    preview = json.loads(run("reprocess", "--state", "indexed", "--dry-run", "--json").stdout)
    assert preview == {
        "dry_run": True,
        "matched": 1,
        "what": [{"source": SOURCE, "state": "indexed", "code": None, "posts": 1}],
        "estimate": {"posts": 1, "calls": 1, "seconds": 5, "messages_to_residents_at_most": 0},
    }
    assert "1 posts would be sent again" in run("reprocess", "--booking", "b-3", "--dry-run").stdout
    assert row(store, ids[2]).known == CONTENT

    done = json.loads(run("reprocess", "--state", "indexed", "--reason", "restored", "--json").stdout)

    assert done == {"dry_run": False, "matched": 1, "resent": 1, "waiting": 0, "run": 1}
    assert row(store, ids[2]).bulk
    assert [command for _, command, _ in audited(run)] == ["reprocess ended", "reprocess"]


@pytest.mark.parametrize(
    "wrong",
    [
        ["reprocess", "--reason", "x"],  # an empty selection
        ["reprocess", "--dry-run"],
        ["reprocess", "--source", SOURCE],  # no reason
        ["reprocess", "--source", SOURCE, "--reason", ""],
        ["reprocess", "--source", SOURCE, "--reason", " "],
        ["reprocess", "--source", SOURCE, "--reason", "x", "--since", "0001-01-01T00:00+02:00"],  # before all time
        ["parked", "list", "--until", "9999-12-31T23:59-02:00"],
        ["reprocess", "--state", "stuck", "--reason", "x"],
        ["reprocess", "--since", "lately", "--reason", "x"],
        ["reprocess", "--source", SOURCE, "--booking", "", "--reason", "x"],  # an unset variable is not all of them
        ["parked", "discard", "--source", SOURCE, "--code", "", "--reason", "x"],
        ["parked", "retry"],
        ["parked", "retry", "1", "--all"],
        ["parked", "discard", "--all"],  # no reason
        ["parked", "discard", "--all", "--reason", ""],
        ["parked", "discard", "--all", "--reason", " "],
        ["parked", "discard", "--reason", "x"],
        ["parked", "show", "b-1"],
    ],
    ids=" ".join,
)
def test_wrong_usage_changes_nothing(run: Run, store: Store, ids: list[int], wrong: list[str]) -> None:
    before = [row(store, id) for id in ids]

    run(*wrong, code=2)

    assert [row(store, id) for id in ids] == before


@pytest.mark.parametrize(
    "asked",
    [
        ["reprocess", "--source", "another", "--reason", "x"],
        ["reprocess", "--booking", "b-9", "--dry-run"],
        ["reprocess", "--booking", "b-9", "--dry-run", "--json"],
        ["parked", "list", "--unit", "SE1-1"],
        ["parked", "retry", "987654"],
        ["parked", "discard", "987654", "--reason", "x"],
        ["lanes", "pause", "national:SE-NONE"],
    ],
    ids=" ".join,
)
def test_what_matches_nothing_exits_with_3(run: Run, ids: list[int], asked: list[str]) -> None:
    run(*asked, code=3)


@pytest.mark.parametrize(
    ("asked", "nothing"),
    [
        (["lanes", "list"], []),
        (["sources", "list"], []),
        (["posts", "show", "--booking", "b-9"], {"bookings": [], "posts": []}),
    ],
    ids=str,
)
def test_where_nothing_is_listed_json_is_json_all_the_same(
    run: Run, store: Store, asked: list[str], nothing: object
) -> None:
    """As of `parked list` and `audit list`: a program that reads stdout is not to fail on an empty site."""
    assert run(*asked, code=3).stdout == ""
    assert json.loads(run(*asked, "--json", code=3).stdout) == nothing


def test_an_audit_log_without_entries(run: Run, store: Store) -> None:
    assert run("audit", "list", code=3).stdout == ""
    assert json.loads(run("audit", "list", "--json", code=3).stdout) == []


def test_an_identity_that_is_typed_is_masked(run: Run, ids: list[int]) -> None:
    run("reprocess", "--booking", "b-3", "--reason", f"asked for by {RESIDENT}")
    assert "[identity]" in run("audit", "list").stdout


def test_a_lane_that_is_mistyped_among_others_changes_none(run: Run, ids: list[int]) -> None:
    refused = run("lanes", "pause", str(LANE), "national:SE-TYPO", code=3)

    assert refused.stderr == "no such lane: national:SE-TYPO; nothing was changed, see `ei-relay lanes list`\n"
    assert [lane["state"] for lane in json.loads(run("lanes", "list", "--json").stdout)] == ["open"]


def test_a_reason_of_several_lines_is_one_line_of_the_list(run: Run, ids: list[int]) -> None:
    run("lanes", "pause", "--all", "--reason", "order 7\n\x1b[2Jby phone")

    (_, line) = run("audit", "list").stdout.splitlines()
    assert line.endswith("order 7  [2Jby phone")


def test_a_user_without_a_name_is_known_by_number(run: Run, ids: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("EI_RELAY_WHO", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 98_765_432)  # as a container is run, whose image has no such user

    run("lanes", "pause", "--all")

    assert audited(run) == [("uid 98765432", "lanes pause", None)]
