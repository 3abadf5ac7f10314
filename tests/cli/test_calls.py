"""`ei-relay calls`: which calls are shown, and what of their answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from relay.cli.main import cli
from relay.store import calls
from relay.store.lanes import LaneName
from relay.store.transaction import Transaction
from tests.flow.site import LANE, FlowSite

LEASE = timedelta(seconds=70)
ENDED: list[dict[str, Any]] = [
    {"verdict": "accepted", "code": "OK", "text": "OK", "producer_ms": 217, "routed": True},
    {"verdict": "temporary", "code": "VP009", "text": "VP009 [q] Fel", "detail": "producer status 503", "routed": True},
    {"verdict": "temporary", "code": "HTTP503", "text": "HTTP 503", "detail": "it never came to", "routed": False},
]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlowSite]:
    """A lane that has made three calls, and is at a fourth."""
    site = FlowSite(tmp_path, url="http://127.0.0.1:1/")
    monkeypatch.setenv("EI_RELAY_CONFIG", str(tmp_path / "relay.toml"))

    def work(tx: Transaction) -> None:
        for number, said in enumerate([*ENDED, None]):
            call_id = calls.begin(tx, 1, f"c-{number}", [1, 2], LEASE)
            if said is not None:
                calls.end(tx, call_id, **said)

    site.relay.store.transact(work)
    yield site
    site.close()


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["calls", *arguments])
    assert result.exit_code == code, result.output
    return result.stdout


def listed(*options: str, code: int = 0) -> list[str]:
    return [each["correlation_id"] for each in json.loads(run("list", "--json", *options, code=code))]


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), ["c-3", "c-2", "c-1", "c-0"]),
        (("--verdict", "temporary"), ["c-2", "c-1"]),
        (("--code", "vp009"), ["c-1"]),
        (("--correlation", "c-0"), ["c-0"]),
        (("--lane", str(LANE), "--limit", "2"), ["c-3", "c-2"]),
        (("--before", "3"), ["c-1", "c-0"]),
        (("--since", "1h", "--source", "tidbok"), ["c-3", "c-2", "c-1", "c-0"]),
    ],
)
def test_given_what_is_asked_then_the_calls_newest_first(options: tuple[str, ...], found: list[str]) -> None:
    assert listed(*options) == found


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    "options",
    [
        ("--until", "1h"),
        ("--lane", str(LaneName("elsewhere", "X"))),
        ("--lane", "nonsense"),
        ("--code", "EI004"),
        ("--source", "another"),
    ],
)
def test_given_nothing_that_matches_then_3(options: tuple[str, ...]) -> None:
    assert listed(*options, code=3) == []
    run("list", *options, code=3)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    "options", [("--verdict", "odd"), ("--since", "soon"), ("--lane", ""), ("--limit", "0"), ("--before", str(2**63))]
)
def test_given_nonsense_then_2(options: tuple[str, ...]) -> None:
    run("list", *options, code=2)


@pytest.mark.usefixtures("site")
def test_a_table_says_where_the_next_page_begins() -> None:
    result = CliRunner().invoke(cli, ["calls", "list", "--limit", "2"])
    assert "more: --before 3" in result.stderr
    assert "it never came to" in result.stdout


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("name", ["2", "c-1"])
def test_a_call_is_shown_with_its_detail(name: str) -> None:
    shown = json.loads(run("show", name, "--json"))
    assert (shown["code"], shown["detail"], shown["routed"]) == ("VP009", "producer status 503", True)
    assert "producer status 503" in run("show", name)


@pytest.mark.usefixtures("site")
def test_a_call_that_is_out_is_shown_as_that() -> None:
    shown = json.loads(run("show", "4", "--json"))
    assert (shown["verdict"], shown["code"], shown["ended_at"]) == ("out", None, None)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("name", ["99", "9" * 30, "nobody", "0"])
def test_given_no_such_call_then_3(name: str) -> None:
    run("show", name, code=3)
