"""`ei-relay onboarding`: the steps, orders and declaration of a region that gets connected (R-50 to R-54)."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from relay import __version__
from relay.cli.main import cli
from relay.database import connect
from relay.store import calls, lanes, sources
from relay.store.lanes import LaneName
from relay.store.migrate import upgrade
from relay.store.transaction import Store

Run = Callable[..., Result]

LANE = LaneName("national", "SE2321000016-84gx")
CONFIGURATION = """
environment = "{environment}"
database_url = "sqlite:///{folder}/relay.db"
[engagement_index.national]
url = "http://127.0.0.1:1/Update"
logical_address = "5565594230"
key_spacing = "6m"
max_posts_per_call = 500
[[source]]
name = "tidbok"
title = "Tidbok Åsen"
source_systems = ["SE2321000016-84gx"]
data_controller = "SE232100-0016"
engagement_index = "national"
care_units = "units.csv"
test_residents = "*"
[[source]]
name = "munvard"
source_systems = ["SE2321000016-91KD"]
data_controller = "SE232100-0016"
engagement_index = "national"
care_units = "{others}"
test_residents = "*"
"""
HEADER = "hsa_id,name,county,municipality_code,municipality,address,active,data_controller\n"
NORTH = 'SE2321000016-1HZ5,Norra vårdcentralen,Nord,2580,Luleå,"Storgatan 1, Luleå",true,\n'
SOUTH = "SE2321000016-1hz4,Södra vårdcentralen,Nord,,,,true,\n"
CLOSED = "SE2321000016-1HZ3,Stängda vårdcentralen,Nord,,,,false,\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """A site of two sources with these units; it runs `ei-relay onboarding …`."""

    def make(units: str = NORTH + SOUTH + CLOSED, others: str = "*", environment: str = "qa") -> Run:
        (tmp_path / "units.csv").write_text(HEADER + units, encoding="utf-8")
        (tmp_path / "others.csv").write_text(HEADER + NORTH, encoding="utf-8")
        configuration = CONFIGURATION.format(folder=tmp_path, others=others, environment=environment)
        (tmp_path / "relay.toml").write_text(configuration, encoding="utf-8")
        monkeypatch.setenv("EI_RELAY_CONFIG", str(tmp_path / "relay.toml"))
        upgrade(connect(f"sqlite:///{tmp_path}/relay.db"))

        def run(*arguments: str, code: int = 0) -> Result:
            done = CliRunner().invoke(cli, ["onboarding", *arguments])
            assert done.exit_code == code, done.output
            return done

        return run

    return make


def accept_a_call(folder: Path, environment: str = "qa") -> None:
    """What the store holds after a call of `tidbok` that was accepted in that environment."""
    store = Store(connect(f"sqlite:///{folder}/relay.db"))
    store.transact(lambda tx: sources.ensure(tx, ["tidbok"]))
    store.transact(lambda tx: lanes.ensure(tx, [(LANE, "tidbok")]))
    (lane_id,) = store.transact(lambda tx: lanes.of_source(tx, "tidbok")).values()
    call_id = store.transact(
        lambda tx: calls.begin(tx, lane_id, "c0ffee", range(7), timedelta(seconds=70), environment=environment)
    )
    store.transact(lambda tx: calls.end(tx, call_id, "accepted", "OK", ""))
    store.engine.dispose()


def test_the_order_of_units_is_every_active_unit_once_with_what_1177_asks_for(site: Callable[..., Run]) -> None:
    """R-51"""
    # Given two sources that list one unit alike
    done = site(others="others.csv")("units")

    header, *rows = csv.reader(io.StringIO(done.stdout))
    assert header == ["hsa_id", "name", "county", "municipality_code", "municipality", "address"]
    assert rows == [
        ["SE2321000016-1HZ4", "Södra vårdcentralen", "Nord", "", "", ""],
        ["SE2321000016-1HZ5", "Norra vårdcentralen", "Nord", "2580", "Luleå", "Storgatan 1, Luleå"],
    ]
    assert done.stderr == ""
    listed = json.loads(site(others="others.csv")("units", "--json").stdout)
    assert [list(unit.values()) for unit in listed] == rows
    assert list(listed[0]) == header


def test_a_unit_without_name_or_county_is_told_of_and_so_is_one_that_two_lists_tell_differently_of(
    site: Callable[..., Run],
) -> None:
    """R-51"""
    units = "SE2321000016-1HZ4,,,,,,true,\n" + NORTH.replace("Nord", "Norrbotten")

    done = site(units, others="others.csv")("units", code=1)

    assert "SE2321000016-1HZ4: name and county missing" in done.stderr
    assert "SE2321000016-1HZ5: two lists say different things of it" in done.stderr
    assert len(done.stdout.splitlines()) == 3


def test_units_that_are_not_listed_cannot_be_ordered(site: Callable[..., Run]) -> None:
    run = site()
    assert "munvard publishes every unit" in run("units").stderr
    assert "there is no active care unit to order" in run("units", "--source", "munvard", code=3).stderr
    assert "no source is called elsewhere" in run("units", "--source", "elsewhere", code=3).stderr


def test_the_mail_says_environment_title_and_the_hsa_id_as_it_is_sent(site: Callable[..., Run]) -> None:
    """R-52"""
    mail = site()("inbox", "--source", "tidbok").stdout

    assert mail.startswith("Till: e-tjanster@1177.se\n")
    assert "Ämne: Beställning av elektroniska kallelser och bokningsbekräftelser: Tidbok Åsen, QA-miljö\n" in mail
    for line in ("QA-miljö", "SE2321000016-84gx", "Tidbok Åsen"):
        assert any(each.endswith(f" {line}") for each in mail.splitlines())
    assert "försäkra" not in mail


def test_no_order_for_production_before_the_rules_are_seen_to_be_kept(site: Callable[..., Run], tmp_path: Path) -> None:
    """R-53"""
    # Given a source in production that called in QA only, and whose index is called without TLS
    run = site(environment="production")
    accept_a_call(tmp_path, "qa")

    done = run("inbox", "--source", "tidbok", code=1)

    assert done.stdout == ""
    assert "the index has accepted no call of this source yet" in done.stderr
    assert "engagement_index.national.url" in done.stderr
    assert "--anyway" in done.stderr

    # when a call was accepted in production, one doubt less is told
    accept_a_call(tmp_path, "production")
    assert "accepted no call" not in run("inbox", "--source", "tidbok", code=1).stderr

    # and whoever knows better says why, and gets a mail that says what is not assured
    assert "needs --reason" in run("inbox", "--source", "tidbok", "--anyway", code=2).stderr
    mail = run("inbox", "--source", "tidbok", "--anyway", "--reason", "agreed by mail").stdout
    assert "produktionsmiljö" in mail
    assert "Vi har försäkrat oss" not in mail
    assert "Vi har ännu inte kunnat försäkra oss om:\n- att " in mail


def test_the_declaration_answers_with_the_configuration_and_what_was_seen(
    site: Callable[..., Run], tmp_path: Path
) -> None:
    """R-54"""
    run = site()
    accept_a_call(tmp_path)

    items = json.loads(run("declaration", "--source", "tidbok", "--json").stdout)

    answers = {item["item"]: item["answer"] for item in items}
    assert answers["Tjänstekonsument: produkt och version"] == f"ei-relay {__version__}"
    assert answers["Källsystem: produkt och version"].startswith("Tidbok Åsen")
    assert answers["Teckenkodning"].startswith("UTF-8")
    assert answers["Varje element validerat utan fel"].endswith("varav 0 avvisade för sitt innehåll")
    assert answers["Uppdateringar under den mest belastade timmen"].startswith("7 poster, timmen från ")
    assert answers["2.2 Femminutersregeln"].endswith("6m")
    assert answers["2.3 Högst 1000 poster per anrop, konfigurerbart"] == "Inställt: 500; största anrop: 7 poster"
    assert "http" in answers["Kända avvikelser"]
    rules = " ".join(item["rule"] for item in items)
    assert [rule for rule in ("R-30", "R-31", "R-32", "R-33", "R-34", "R-35") if rule not in rules] == []
    # and people read the same, without numbers that mean nothing to them, and that it is not required
    shown = run("declaration", "--source", "tidbok").stdout
    assert all(answer in shown for answer in answers.values())
    assert "R-" not in shown
    assert "krävs inte för närvarande" in shown


def test_the_declaration_claims_no_more_than_was_seen(site: Callable[..., Run], tmp_path: Path) -> None:
    """R-54: what was seen in QA says nothing of production."""
    run = site(environment="production")
    accept_a_call(tmp_path, "qa")
    items = json.loads(run("declaration", "--source", "tidbok", "--json").stdout)
    measured = {item["item"]: (item["answer"], item["basis"]) for item in items}
    assert measured["Anrop i sekvens, inte parallellt"] == (
        "(fylls i): inga anrop är gjorda i produktionsmiljö", "fylls i av regionen"
    )  # fmt: skip

    accept_a_call(tmp_path, "production")
    items = json.loads(run("declaration", "--source", "tidbok", "--json").stdout)
    bases = {item["item"]: item["basis"] for item in items}
    assert bases["Anrop i sekvens, inte parallellt"].startswith("uppmätt i produktionsmiljö 20")
    assert bases["2.2 Femminutersregeln"] == "genom konstruktion (tests/simulation/test_machine.py)"
    # and the tests that are named are there
    named = {name for basis in bases.values() for name in re.findall(r"tests/\S+?\.py", basis)}
    assert named
    assert [name for name in named if not (Path(__file__).parents[2] / name).exists()] == []
