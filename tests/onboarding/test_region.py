"""A region gets connected, from the first order in QA to inbox messages in production (R-50 to R-54)."""

from __future__ import annotations

import email
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from relay.cli.main import cli
from relay.database import connect
from relay.onboarding import process
from relay.onboarding.gate import Doubt, Observed, doubts
from relay.onboarding.steps import SAID, Facts
from relay.settings import Settings, parse
from relay.store import calls, lanes, onboarding, sources
from relay.store.evidence import Evidence
from relay.store.lanes import LaneName
from relay.store.migrate import upgrade
from relay.store.onboarding import Entry
from relay.store.transaction import Store

HEADER = "hsa_id,name,county,municipality_code,municipality,address,active,data_controller\n"
UNITS = [f"SE2321000016-{n:04}" for n in range(1, 31)]
CONFIGURATION = """
environment = "{environment}"
database_url = "sqlite:///{folder}/{environment}.db"
[region]
name = "Region Norr"
organisation_number = "2321000016"
contact_name = "Kim Åberg"
contact_email = "kim.aberg@norr.example"
contact_phone = "010-000 00 00"
[engagement_index.national]
url = "http://127.0.0.1:1/Update"
logical_address = "5565594230"
[[source]]
name = "tidbok"
title = "{title}"
source_systems = ["SE2321000016-84gx"]
data_controller = "SE232100-0016"
engagement_index = "national"
care_units = "units.csv"
test_residents = "*"
contracts = ["GetAvailableTimeslots 1.1", "MakeBooking 1.1"]
[[source]]
name = "munvard"
title = "Munvård"
source_systems = ["SE2321000016-91KD"]
data_controller = "SE232100-0016"
engagement_index = "national"
care_units = "units.csv"
test_residents = "*"
"""
INBOX = """\
Till: e-tjanster@1177.se
Från: Kim Åberg <kim.aberg@norr.example>
Ämne: Beställning av elektroniska kallelser och bokningsbekräftelser: Tidbok, QA-miljö

Hej!

Vi beställer att elektroniska kallelser och bokningsbekräftelser till invånarnas inkorg på 1177
slås på för följande bokningssystem.

Miljö:                                        QA-miljö
Bokningssystemets HSA-id, som i sourceSystem: SE2321000016-84gx
Bokningssystemets namn:                       Tidbok

Med vänlig hälsning
Region Norr, organisationsnummer 2321000016
Kontaktperson: Kim Åberg, kim.aberg@norr.example, 010-000 00 00
"""
NTJP = """\
Till: (fylls i)
Från: Kim Åberg <kim.aberg@norr.example>
Ämne: Beställning: anslutning av Tidbok till NTjP, QA-miljö
Bilaga: logiska-adresser-qa.csv (30 rader)

Hej!

Vi beställer anslutning till Nationella tjänsteplattformen (NTjP), QA-miljö, för bokningssystemet Tidbok.

Som tjänstekonsument:
  Tjänstekontrakt:                    itintegration:engagementindex Update 1.0
  Logisk adress (Engagemangsindex):   5565594230
  Konsumentens HSA-id (certifikat):   (fylls i)
  Källsystemets HSA-id, sourceSystem: SE2321000016-84gx

Som tjänsteproducent av tidbokning (crm:scheduling):
  Tjänstekontrakt: GetAvailableTimeslots 1.1
  Tjänstekontrakt: MakeBooking 1.1
  Logiska adresser: 30 i bilagan logiska-adresser-qa.csv

Med vänlig hälsning
Region Norr, organisationsnummer 2321000016
Kontaktperson: Kim Åberg, kim.aberg@norr.example, 010-000 00 00
"""
NOT_SWEDISH = ("source ", "unit", " the ", "order", "environment", "production", "R-")


class Region:
    """The region's two installations, and its project leader at a command line."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._monkeypatch = folder, monkeypatch
        self.list_units(UNITS)
        self.be_in("qa")

    def list_units(self, units: list[str]) -> None:
        rows = "".join(
            f"{unit},Vårdcentralen {unit[-2:]},Norr,2580,Luleå,Storgatan {unit[-2:]},true,\n" for unit in units
        )
        (self.folder / "units.csv").write_text(HEADER + rows, encoding="utf-8")

    def be_in(self, environment: str, title: str = "Tidbok") -> None:
        self.environment = environment
        text = CONFIGURATION.format(folder=self.folder, environment=environment, title=title)
        (self.folder / "relay.toml").write_text(text, encoding="utf-8")
        self._monkeypatch.setenv("EI_RELAY_CONFIG", str(self.folder / "relay.toml"))
        upgrade(connect(f"sqlite:///{self.folder}/{environment}.db"))

    def run(self, *arguments: str, code: int = 0) -> Result:
        done = CliRunner().invoke(cli, ["onboarding", *arguments])
        assert done.exit_code == code, done.output
        return done

    def mail(self, *arguments: str) -> EmailMessage:
        """The mail that a command writes into a file."""
        file = self.folder / "order.eml"
        self.run(*arguments, "--eml", str(file))
        found = email.message_from_bytes(file.read_bytes(), policy=default)
        assert isinstance(found, EmailMessage)
        return found

    def states(self, source: str = "tidbok") -> dict[str, str]:
        listed = json.loads(self.run("steps", "--source", source, "--environment", self.environment, "--json").stdout)
        return {step["step"]: step["state"] for step in listed}

    def step(self, key: str) -> dict[str, object]:
        listed = json.loads(self.run("steps", "--source", "tidbok", "--environment", self.environment, "--json").stdout)
        found: dict[str, object] = next(step for step in listed if step["step"] == key)
        return found

    def store(self) -> Store:
        return Store(connect(f"sqlite:///{self.folder}/{self.environment}.db"))

    def call(self) -> None:
        """The index accepts a call of each source."""
        store = self.store()
        for source, system in (("tidbok", "SE2321000016-84gx"), ("munvard", "SE2321000016-91KD")):
            name = LaneName("national", system)
            store.transact(lambda tx, s=source: sources.ensure(tx, [s]))  # type: ignore[misc]
            store.transact(lambda tx, n=name, s=source: lanes.ensure(tx, [(n, s)]))  # type: ignore[misc]
            (lane,) = store.transact(lambda tx, s=source: lanes.of_source(tx, s)).values()  # type: ignore[misc]
            call = store.transact(
                lambda tx, lane=lane: calls.begin(  # type: ignore[misc]
                    tx, lane, "c", range(2), timedelta(seconds=70), environment=self.environment
                )
            )
            store.transact(lambda tx, call=call: calls.end(tx, call, "accepted", "OK", ""))  # type: ignore[misc]


@pytest.fixture
def region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Region:
    return Region(tmp_path, monkeypatch)


def test_a_region_is_connected_step_by_step(region: Region) -> None:
    # Given a region that begins in QA: everything is open, and what waits says for what
    assert set(region.states().values()) == {"open"}
    assert region.step("test")["waits_for"] == ["ntjp", "configure"]

    # when it orders, the documents are those that can be sent as they are
    assert region.run("ntjp", "--source", "tidbok").stdout == NTJP
    mail = region.mail("units", "--source", "tidbok")
    assert (mail["To"], mail["From"]) == ("e-tjanster@1177.se", "Kim Åberg <kim.aberg@norr.example>")
    (table,) = mail.iter_attachments()
    assert isinstance(table, EmailMessage)
    assert table.get_filename() == "vardenheter-qa.csv"
    rows = table.get_payload(decode=True).decode("utf-8").splitlines()  # type: ignore[union-attr]
    assert rows[0] == "\ufeffHSA-id,Namn,Län,Kommunkod,Kommun,Besöksadress,Miljö"
    assert rows[1] == f"{UNITS[0]},Vårdcentralen 01,Norr,2580,Luleå,Storgatan 01,QA-miljö"
    assert len(rows) == 31
    assert "the document was written on" in str(region.step("units-order")["evidence"])

    # and what people say is kept, with who and when
    for key in ("ntjp-order", "units-order"):
        region.run("done", key, "--source", "tidbok", "--by", "Kim", "--date", "2026-11-02", "--note", "ärende 4711")
    assert (region.step("ntjp-order")["state"], region.step("ntjp-order")["date"]) == (SAID, "2026-11-02")
    some = [word for unit in UNITS[:29] for word in ("--unit", unit.lower())]
    region.run("done", "units", "--source", "tidbok", "--by", "Kim", *some)
    assert region.step("units")["missing"] == [UNITS[29]]
    region.run("done", "units", "--source", "tidbok", "--by", "Kim", "--unit", UNITS[29])
    for key in ("services", "assign", "configure"):
        region.run("done", key, "--source", "tidbok", "--by", "Kim")
    region.call()
    assert region.states() == {
        "ntjp-order": "said", "ntjp": "seen", "units-order": "said", "units": "said", "services": "said",
        "assign": "said", "configure": "said", "inbox-order": "open", "test": "open",
    }  # fmt: skip
    assert region.run("inbox", "--source", "tidbok").stdout == INBOX

    # a rehearsal that failed leaves the step open, and one that passed closes it
    for state in ("failed", "passed"):
        region.store().transact(
            lambda tx, state=state: onboarding.add(  # type: ignore[misc]
                tx, "qa", "tidbok", process.TEST, state, by="Kim", date="2026-11-20", note="1.1: underkänd"
            )
        )
        assert region.states()["test"] == {"failed": "open", "passed": "seen"}[state]

    # In production nothing of this counts, and NTjP is not ordered before the units are activated there
    region.be_in("production")
    assert set(region.states().values()) == {"open"}
    assert ", ".join(UNITS) in region.run("ntjp", "--source", "tidbok", code=1).stderr
    assert UNITS[0] in region.run("done", "ntjp-order", "--source", "tidbok", code=1).stderr
    every = [word for unit in UNITS for word in ("--unit", unit)]
    region.mail("units", "--source", "tidbok")
    region.run("done", "units", "--source", "tidbok", *every)
    region.run("done", "ntjp-order", "--source", "tidbok")
    assert region.states()["ntjp-order"] == SAID

    # A unit is added: only it is ordered, and the steps that hang on the units are open again until it is confirmed
    region.list_units([*UNITS, "SE2321000016-0031"])
    assert region.step("units")["missing"] == ["SE2321000016-0031"]
    mail = region.mail("units", "--source", "tidbok", "--since-last")
    (table,) = mail.iter_attachments()
    assert isinstance(table, EmailMessage)
    assert len(table.get_payload(decode=True).decode("utf-8").splitlines()) == 2  # type: ignore[union-attr]
    assert region.run("units", "--source", "tidbok", "--since-last", code=3).stdout == ""

    # and the system is renamed: its next order has the new name
    region.be_in("production", title="Tidbok 2")
    reason = ("--anyway", "--reason", "decided by the steering group")
    assert "Tidbok 2" in region.run("inbox", "--source", "tidbok", *reason).stdout


def test_what_was_said_can_be_taken_back_and_its_history_stays(region: Region) -> None:
    region.run("done", "services", "--source", "tidbok", "--by", "Kim")
    region.run("undo", "services", "--source", "tidbok", "--by", "Lo", "--note", "wrong system")
    assert region.states()["services"] == "open"
    history = json.loads(region.run("history", "services", "--json").stdout)
    assert [(entry["state"], entry["by"]) for entry in history] == [("said", "Kim"), ("open", "Lo")]
    region.run("undo", "services", "--source", "tidbok", code=3)

    region.run("not-applicable", "services", "--source", "tidbok", "--note", "no web booking")
    assert region.states()["services"] == "not applicable"
    # and a step that is none is wrong usage
    assert "it has ntjp-order" in region.run("done", "terms", "--source", "tidbok", code=2).stderr


def test_papers_are_in_swedish_throughout(region: Region) -> None:
    region.run("done", "ntjp-order", "--source", "tidbok", "--by", "Kim")
    summary, declaration = region.folder / "sammanfattning.md", region.folder / "deklaration.md"
    region.run("steps", "--summary", str(summary))
    region.run("declaration", "--source", "tidbok", "--out", str(declaration))
    papers = [summary.read_text(encoding="utf-8"), region.run("ntjp", "--source", "tidbok").stdout,
              region.run("inbox", "--source", "tidbok").stdout,
              region.run("units", "--source", "tidbok", "--mail").stdout,
              declaration.read_text(encoding="utf-8")]  # fmt: skip
    for paper in papers:
        assert [word for word in NOT_SWEDISH if word in paper.replace("tests/", "")] == [], paper
    assert "| 1 | Beställ anslutning till NTjP" in papers[0]
    # and a word processor's file is one
    region.run("declaration", "--source", "tidbok", "--out", str(region.folder / "deklaration.docx"))
    assert (region.folder / "deklaration.docx").read_bytes()[:2] == b"PK"
    assert "expected a file that ends with" in region.run(
        "declaration", "--source", "tidbok", "--out", str(region.folder / "deklaration.pdf"), code=2
    ).stderr  # fmt: skip


NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def said(step: str, environment: str = "production", source: str = "tidbok", state: str = SAID, subject: str = "",
         at: datetime = NOW) -> Entry:  # fmt: skip
    return Entry(environment, source, step, subject, state, "Kim", "2026-11-28", None, None, at)


ENTRIES = (
    said(process.UNITS, subject="UNIT"),
    said(process.TEST, environment="qa", state="passed"),
    said(process.CONNECT_CHECK, source="", state="passed"),
)
SEEN = Evidence(since=NOW, until=NOW, calls=3, accepted=3)
WELL = Observed(Facts(SEEN, ENTRIES, {"UNIT"}), certificate_ends=NOW + timedelta(days=31))


def production() -> Settings:
    return parse(
        {
            "environment": "production",
            "database_url": "sqlite:///x.db",
            "engagement_index": {"national": {"url": "https://ei.example/Update", "logical_address": "5565594230",
                                              "client_certificate": "c", "client_key": "k", "ca_bundle": "a"}},
            "source": [{"name": "tidbok", "source_systems": ["SE2321000016-84GX"], "data_controller": "SE232100-0016",
                        "engagement_index": "national"}],
        }
    )  # fmt: skip


def against(observed: Observed) -> list[Doubt]:
    settings = production()
    return doubts(settings, settings.source[0], observed, NOW)


def test_the_gate_opens_where_nothing_speaks_against_it() -> None:
    """R-53"""
    assert against(WELL) == []


def without(step: str) -> Observed:
    return WELL._replace(facts=WELL.facts._replace(said=[e for e in ENTRIES if e.step != step]))


def seen(**changes: object) -> Observed:
    return WELL._replace(facts=WELL.facts._replace(seen=SEEN._replace(**changes)))  # type: ignore[arg-type]


OLD_CHECK = [*ENTRIES[:2], said(process.CONNECT_CHECK, source="", state="passed", at=NOW - timedelta(hours=25))]
FAILED_CHECK = [*ENTRIES[:2], said(process.CONNECT_CHECK, source="", state="failed")]
EXPLAINED = (*ENTRIES, said(process.REJECTED_ROWS, at=NOW - timedelta(days=1)))


@pytest.mark.parametrize(
    ("observed", "told"),
    [
        (seen(accepted=0), "accepted no call"),
        (seen(overlapping=1), "R-31"),
        (seen(parked=1), "parked"),
        (seen(held=("national:X is blocked",)), "lanes list"),
        (WELL._replace(rejected=2, last_rejected=NOW), "rejected"),
        (WELL._replace(rejected=2, last_rejected=NOW, facts=WELL.facts._replace(said=EXPLAINED)), "rejected"),
        (without(process.UNITS), "not confirmed as activated"),
        (without(process.TEST), "rehearsal"),
        (without(process.CONNECT_CHECK), "config check --connect"),
        (WELL._replace(facts=WELL.facts._replace(said=OLD_CHECK)), "config check --connect"),
        (WELL._replace(facts=WELL.facts._replace(said=FAILED_CHECK)), "config check --connect"),
        (WELL._replace(certificate_ends=NOW + timedelta(days=29)), "certificate"),
        (WELL._replace(oldest_pending_since=NOW - timedelta(minutes=61)), "R-33"),
        (WELL._replace(held=1), "changes list"),
    ],
)
def test_the_gate_stays_shut_for_each_single_thing(observed: Observed, told: str) -> None:
    """R-53"""
    (doubt,) = against(observed)
    assert told in doubt.text
    assert doubt.not_assured.startswith("att ")


def test_rejected_rows_that_were_explained_afterwards_do_not_stand_in_the_way() -> None:
    last = NOW - timedelta(days=2)
    assert against(WELL._replace(rejected=2, last_rejected=last, facts=WELL.facts._replace(said=EXPLAINED))) == []


def test_a_tester_is_asked_nothing_in_production(region: Region) -> None:
    """R-55"""
    region.be_in("production")
    done: Callable[..., Result] = region.run
    assert "a rehearsal is for QA" in done("rehearse", "--source", "tidbok", "--yes", code=2).stderr
