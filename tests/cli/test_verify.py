"""`ei-relay verify` against the sandbox: what the index lost, holds too long or has wrong, and its repair (R-39)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from relay.cli.main import cli
from relay.exporter.families import Families
from relay.exporter.looks import Looks
from relay.flow.delivery.step import deliver
from relay.flow.maintenance.verify import nightly
from relay.index.client import IndexClient
from relay.post import ABSENT, Transaction
from relay.sandbox.server import Sandbox
from tests.flow.site import LANE, FlowSite
from tests.index.servers import endpoint, nothing
from tests.made import RESIDENT, key

OTHER_TIME = "20991224113000"
AT_ONCE = dict.fromkeys(("key_spacing", "bulk_call_interval", "retry_after_fault", "retry_after_fault_max"), "0s")


@dataclass
class Verified:
    """A site whose index may be asked and holds the bookings b-1 to b-4 as it should."""

    site: FlowSite
    sandbox: Sandbox
    config: Path

    def change(self, *transactions: Transaction) -> None:
        """Somebody else writes to the index, in one call of several posts."""
        client = IndexClient(endpoint(self.sandbox.update_url))
        padding = Transaction(key(booking_id="padding"), ABSENT)
        verdict = client.update([*transactions, padding], correlation_id="c", before_first_byte=nothing)
        client.close()
        assert verdict.code == "OK"
        self.sandbox.core.settle()

    def deliver(self) -> None:
        while deliver(self.site.relay, LANE) is not None:
            pass
        self.sandbox.core.settle()

    def run(self, *options: str, code: int) -> Any:
        result = CliRunner().invoke(cli, ["verify", "--pace", "0s", "--json", *options])
        assert result.exit_code == code, result.output
        assert RESIDENT not in result.output
        return json.loads(result.stdout) if code in (0, 1) else result.output


@pytest.fixture
def verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Verified]:
    with Sandbox() as sandbox:
        site = FlowSite(tmp_path, url=sandbox.update_url, find_content_url=sandbox.find_content_url, **AT_ONCE)
        monkeypatch.setenv("EI_RELAY_CONFIG", str(tmp_path / "relay.toml"))
        found = Verified(site, sandbox, tmp_path / "relay.toml")
        for number in range(1, 5):
            site.insert(f"b-{number}")
        site.take_in()
        found.deliver()
        yield found
        site.close()


def results(shown: Any) -> dict[str, str]:
    return {each["booking_id"]: each["result"] for each in shown["differences"]}


@pytest.mark.parametrize("options", [("--all",), ("--sample", "2"), ("--booking", "b-1")])
def test_given_an_index_that_is_equal_then_0(verified: Verified, options: tuple[str, ...]) -> None:
    shown = verified.run(*options, code=0)
    assert (shown["equal"], shown["residents"]) == (True, 1)
    assert shown["lanes"][0] == {
        "lane": str(LANE), "equal": 4, "lost": 0, "ghost": 0, "wrong": 0, "unsettled": 0,
    }  # fmt: skip


def spoil(verified: Verified) -> None:
    """One lost, one wrong, and one that the relay has never heard of."""
    verified.change(
        Transaction(key(booking_id="b-1"), ABSENT),
        Transaction(key(booking_id="b-2"), OTHER_TIME),
        Transaction(key(booking_id="stranger"), OTHER_TIME),
    )


def test_given_an_index_that_differs_then_1_and_each_difference(verified: Verified) -> None:
    spoil(verified)
    shown = verified.run("--all", code=1)
    assert results(shown) == {"b-1": "lost", "b-2": "wrong", "stranger": "ghost"}
    assert not shown["equal"]
    assert verified.run("--booking", "b-3", code=1)["lanes"][0]["ghost"] == 1  # of the same resident


def test_given_a_repair_then_the_index_is_equal_again(verified: Verified) -> None:
    spoil(verified)
    assert verified.run("--all", "--repair", "--reason", "the index was restored", code=1)["repaired"] == 3
    verified.deliver()
    assert verified.run("--all", code=0)["lanes"][0]["equal"] == 4
    assert [row[0] for row in verified.site.ask("SELECT command FROM ei_audit")] == ["verify --repair"]
    # And whoever has left the index is asked after no more
    assert len(verified.sandbox.core.posts()) == 4


def test_given_a_ghost_that_the_relay_knows_then_its_delete_is_sent_again(verified: Verified) -> None:
    verified.site.ask("INSERT INTO ei_outbox (operation, booking_id) VALUES ('remove', 'b-4'), ('remove', 'b-3')")
    verified.site.take_in()
    verified.deliver()
    verified.change(Transaction(key(booking_id="b-4"), OTHER_TIME), Transaction(key(booking_id="b-3"), OTHER_TIME))
    assert results(verified.run("--booking", "b-4", "--repair", "--reason", "ghosts", code=1)) == {
        "b-3": "ghost",
        "b-4": "ghost",
    }
    verified.deliver()
    assert len(verified.sandbox.core.posts()) == 2


def test_given_a_change_on_its_way_then_it_is_no_difference(verified: Verified) -> None:
    verified.site.ask("UPDATE ei_post SET known = '?' WHERE booking_id = 'b-1'")
    verified.change(Transaction(key(booking_id="b-1"), ABSENT))
    assert verified.run("--booking", "b-1", code=0)["lanes"][0]["unsettled"] == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--booking", "nobody"), 3),
        (("--all", "--source", "nobody"), 3),
        (("--all", "--index", "nowhere"), 3),
        ((), 2),
        (("--all", "--sample", "3"), 2),
        (("--booking", ""), 2),
        (("--all", "--repair"), 2),
        (("--all", "--pace", "soon"), 2),
    ],
)
def test_exit_codes(verified: Verified, options: tuple[str, ...], code: int) -> None:
    verified.run(*options, code=code)


def test_given_an_index_that_does_not_answer_then_1_and_why(verified: Verified) -> None:
    verified.sandbox.stop()
    result = CliRunner().invoke(cli, ["verify", "--all"])
    assert result.exit_code == 1
    assert "No connection" in result.output


def test_given_no_index_that_may_be_asked_then_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = FlowSite(tmp_path, url="http://127.0.0.1:1/")
    monkeypatch.setenv("EI_RELAY_CONFIG", str(tmp_path / "relay.toml"))
    result = CliRunner().invoke(cli, ["verify", "--all"])
    site.close()
    assert result.exit_code == 2
    assert "find_content_url" in result.output


def metrics(site: FlowSite) -> dict[str, float]:
    looks = Looks(site.relay, None)
    looks.database.look_once()
    return {
        sample.labels["result"]: sample.value
        for family in Families(looks).collect()
        if family.name == "ei_relay_verify_posts"
        for sample in family.samples
    }


def test_a_nightly_comparison_is_off_by_default_and_its_figures_are_metrics(
    verified: Verified, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nightly(verified.site.relay)
    assert metrics(verified.site) == {}
    spoil(verified)
    index = verified.site.relay.settings.engagement_index["national"]
    configured = index.model_copy(update={"verify_every": timedelta(days=1)})
    monkeypatch.setitem(verified.site.relay.settings.engagement_index, "national", configured)
    nightly(verified.site.relay)
    assert metrics(verified.site) == {"equal": 2, "lost": 1, "ghost": 1, "wrong": 1, "unsettled": 0}
    assert "the index differs" in caplog.text
    assert RESIDENT not in caplog.text
    # And it is once a day
    caplog.clear()
    nightly(verified.site.relay)
    assert "the index differs" not in caplog.text
