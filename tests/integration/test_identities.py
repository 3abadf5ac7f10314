"""Every path on which an identity could get out, each with one of its own, and where none may be (R-38, R-56).

The story is run once; each test looks at one place. Real workers, a real broker, PostgreSQL, which quotes the row that
breaks a constraint, and an index that quotes the resident in its fault.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

import pytest
import redis
import requests
from sqlalchemy import create_engine, text

from relay.demo.throwaway import free_port
from relay.demo.valkey import Valkey
from tests.integration import residents
from tests.integration.conftest import TIDBOK, NewDatabase
from tests.integration.site import Site, Source
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

PATHS: Final = (
    "fine", "rejected", "refused by the index", "fault", "broken constraint", "crash", "arguments", "unknown task",
    "reason", "booking id", "selector", "unread row", "list", "wrong line", "broken list", "list and constraint",
    "care units", "test residents",
)  # fmt: skip
Done = subprocess.CompletedProcess[str]
WHO: Final = dict(zip(PATHS, (residents.make(Random(n)) for n in range(20, 20 + len(PATHS))), strict=True))

_SEND: Final = """
from relay.celery_app.app import app
person = "{person}"
app.send_task("workers.deliver", (person,))
app.send_task("workers.deliver", (f"practice:{{person}}",))
app.send_task("workers.intake", (f"source of {{person}}",))
app.send_task("workers.tick", ("{arguments}",))
app.send_task("workers.of_{unknown}", ("{unknown}",), {{"who": "{unknown}"}})
app.send_task("workers.reprocess", kwargs={{"since": "{selector}", "reason": "because of {selector}"}})
app.send_task("workers.reprocess", kwargs={{"state": "indexed", "reason": "because of {selector}"}})
"""


@dataclass(frozen=True)
class Ended:
    """All that was left behind, by place."""

    logs: str
    broker: str
    tables: str
    outbox: str
    commands: str
    metrics: str


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Iterator[Ended]:
    folder = tmp_path_factory.mktemp("identities")
    outbox_url = new_database()
    source = Source(TIDBOK.name, TIDBOK.source_systems, outbox_url=outbox_url)
    with Valkey() as valkey, Site(folder, new_database(), [source], broker_url=valkey.url) as site:
        site.prepare()
        yield _run(site, valkey)


def _book(site: Site, path: str, **said: object) -> None:
    row = {
        "operation": "upsert", "booking_id": path, "resident_id": WHO[path], "care_unit": "SE2321000016-1HZ3",
        "starts_at": "2040-05-04 08:15",
    } | said  # fmt: skip
    site.insert(TIDBOK.name, **row)


def _log(site: Site) -> str:
    return "\n".join(site.logs().values())


def _said(site: Site, *texts: str) -> None:
    for text_ in texts:
        wait_until(lambda text_=text_: text_ in _log(site), f"a line that says {text_}")


def _run(site: Site, valkey: Valkey) -> Ended:
    ports = free_port(), free_port()
    site.config.write_text(f"exporter_port = {ports[0]}\nworker_metrics_port = {ports[1]}\n{site.config.read_text()}")

    # a row that nobody has taken yet, and the command that looks at such rows
    unread = WHO["unread row"]
    _book(site, "unread row", resident_id=f"{unread}0", care_unit=f"unit of {unread}", kind=unread)
    shown = [site.command("outbox", "check", "--source", TIDBOK.name, *options) for options in ((), ("--json",))]

    worker = site.start_worker()
    site.start_beat()
    site._start("exporter", "-m", "relay", "exporter")
    _said(site, "the schedule has started", "ready")

    # rows that are taken, and one that is not: the identity is in the wrong columns too
    _book(site, "fine")
    wrong = WHO["rejected"]
    _book(site, "rejected", resident_id=f"{wrong}0", care_unit=f"unit of {wrong}", version=None, kind=wrong)
    _said(site, "an outbox row was rejected")

    # a booking whose id tells of its resident, and whose post is refused
    telling = f"b-{WHO['booking id']}"
    site.index.order(answer="fault", text="EI004: a field is to long", booking_id=telling)
    _book(site, "booking id", booking_id=telling, resident_id="191212121212")

    # an index that quotes whom it refuses, and one that is in trouble over somebody
    faults = (("refused by the index", "EI004: {} is to long", None), ("fault", "VP009: no answer for {}", 1))
    for path, fault, times in faults:
        site.index.order(answer="fault", text=fault.format(WHO[path]), booking_id=path, times=times)
        _book(site, path)
        _said(site, fault.split(":")[0])
    wait_until(lambda: site.status()["sources"][0]["parked"] == 2, "the parked posts")

    # a database that quotes the row which breaks a constraint; then an outbox that is gone
    with site.outbox(TIDBOK.name).begin() as connection:
        connection.execute(text("ALTER TABLE ei_outbox RENAME TO away"))
    _said(site, "the outbox could not be read")
    with site.outbox(TIDBOK.name).begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO ei_outbox"))
    _relay_sql(site, f"ALTER TABLE ei_booking ADD CONSTRAINT c CHECK (resident_id <> '{WHO['broken constraint']}')")
    _book(site, "broken constraint")
    _said(site, "SQLSTATE 23514")
    _relay_sql(site, "ALTER TABLE ei_booking DROP CONSTRAINT c")

    # messages with an identity in them that are none of ours, and a task that crashes with one: Celery's own error line
    sent = site.python("-c", _SEND.format(person=WHO["crash"], arguments=WHO["arguments"], unknown=WHO["unknown task"],
                                          selector=WHO["selector"]))  # fmt: skip
    assert sent.returncode == 0, sent.stderr
    _said(site, "was dropped", "SelectionError", "reprocess ended")
    for why, times in (("unknown-name", 2), ("arguments", 1), ("unknown-task", 1)):
        counted = f'ei_relay_broker_messages_dropped_total{{reason="{why}"}} {times}.0'
        wait_until(lambda counted=counted: counted in _served(ports[1]), lambda: _served(ports[1]))

    # commands: an identity typed as a reason, and looked for
    person = WHO["reason"]
    shown += [
        *_asked(site),
        site.command("parked", "list"),
        site.command("parked", "list", "--json"),
        site.command("parked", "discard", "--all", "--reason", f"{person} has died"),
        site.command("lanes", "pause", "--all", "--reason", person),
        site.command("lanes", "resume", "--all"),
        site.command("audit", "list", "--json"),
        site.command("posts", "show", "--booking", "fine"),
        site.command("posts", "show", "--booking", "fine", "--json"),
        site.command("posts", "show", "--booking", telling),
        site.command("posts", "show", "--booking", telling, "--json"),
        *_lists(site),
        *_wrong_files(site),
    ]
    metrics = _scraped(ports)
    # and a worker that dies
    site.index.order(delay=60)  # whoever looks a moment later finds it out still
    _book(site, "fine", starts_at="2040-05-05 08:15")
    wait_until(lambda: any(call["ended"] is None for call in site.index.calls()), "a call that is out")
    worker.kill()
    with redis.Redis(port=valkey.port) as broker:
        held = [broker.dump(key) or b"" for key in broker.keys("*")]
        queued = [m for key in broker.keys("*") if broker.type(key) == b"list" for m in broker.lrange(key, 0, -1)]
    return Ended(
        logs=_log(site),
        broker=b"\n".join([*held, *queued]).decode("latin-1"),
        tables=_told(site),
        outbox=json.dumps(site.outcomes(TIDBOK.name)),
        commands="\n".join(done.stdout + done.stderr for done in shown),
        metrics=metrics,
    )


def _asked(site: Site) -> Iterator[Done]:
    """The commands that only ask."""
    for command in (("status",), ("lanes", "list"), ("sources", "list"), ("config", "check"),
                    ("config", "check", "--connect")):  # fmt: skip
        yield site.command(*command)
        yield site.command(*command, "--json")
    yield site.command("outbox", "check", "--source", TIDBOK.name, code=1)


def _lists(site: Site) -> Iterator[Done]:
    """Full lists of bookings: one with lines that are wrong, one that breaks a constraint, one that is no CSV."""
    header, wrong, broken = (
        "booking_id,version,resident_id,care_unit,starts_at\n",
        WHO["wrong line"],
        WHO["broken list"],
    )
    well = f"list,1,{WHO['list']},SE2321000016-1HZ3,2040-05-04 08:15\n"
    file = site.folder / "list.csv"
    apply = ("snapshot", "apply", "--source", TIDBOK.name, str(file))
    file.write_text(f"{header}{well}wrong line,{wrong},{wrong}0,unit of {wrong},{wrong}\n,{wrong}\n")
    yield site.command(*apply, "--dry-run", "--skip-rejected")
    yield site.command(*apply, "--dry-run", "--json", code=1)
    yield site.command(*apply, "--yes", "--skip-rejected", "--reason", f"the list with {WHO['list']}")
    file.write_text(f'{header}{well}"broken {broken},1,{broken}"x,UNIT,2040-05-04 08:15\n')
    yield site.command(*apply, "--dry-run", code=1)
    file.write_text(f"{broken},{header}{well}")
    yield site.command(*apply, "--dry-run", code=1)
    person = WHO["list and constraint"]
    _relay_sql(site, f"ALTER TABLE ei_booking ADD CONSTRAINT c CHECK (resident_id <> '{person}')")
    file.write_text(f"{header}{well}listed,1,{person},SE2321000016-1HZ3,2040-05-04 08:15\n,\n")
    yield site.command(*apply, "--yes", "--skip-rejected", "--reason", "a list", code=1)
    _relay_sql(site, "ALTER TABLE ei_booking DROP CONSTRAINT c")


def _wrong_files(site: Site) -> Iterator[Done]:
    """A configuration whose lists hold identities where they do not belong."""
    right = site.config.read_text()
    units, residents_ = site.folder / "units.csv", site.folder / "test residents"
    person = WHO["care units"]
    units.write_text(f"hsa_id,name,active\nunit of {person},{person},{person}\n{person}\n")
    residents_.write_text(f"{WHO['test residents']}0\n{WHO['test residents']} Tolvan\n")
    lists = right.replace('care_units = "*"', f'care_units = "{units}"')
    site.config.write_text(lists.replace('test_residents = "*"', f'test_residents = "{residents_}"'))
    yield site.command("config", "check", code=1)
    yield site.command("config", "check", "--json", code=1)
    site.config.write_text(right.replace('test_residents = "*"', f'test_residents = ["{WHO["test residents"]}"]'))
    yield site.command("config", "check", code=1)
    site.config.write_text(right)


def _scraped(ports: tuple[int, int]) -> str:
    """What the exporter and the worker serve when they have seen all of it."""

    rejected = f'ei_relay_outbox_rejected_rows{{source="{TIDBOK.name}"}} 2.0'
    wait_until(lambda: rejected in _served(ports[0]), lambda: _served(ports[0]))
    counted = _served(ports[1])
    for name in ("calls_total", "outbox_rows_total", "call_seconds_count", "delivery_delay_seconds_count"):
        assert f"ei_relay_{name}{{" in counted
    return _served(ports[0]) + counted


def _served(port: int) -> str:
    """The metrics of the process that serves them at this port."""
    return requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text


def _relay_sql(site: Site, sql: str) -> list[str]:
    """Run a statement on the relay's own database; its rows as texts."""
    engine = create_engine(site.database_url)
    with engine.begin() as connection:
        done = connection.execute(text(sql))
        rows = [str(row) for row in done] if done.returns_rows else []
    engine.dispose()
    return rows


def _told(site: Site) -> str:
    """What the relay's tables tell operators, whole: only bookings and posts may name a resident, in their column."""
    everything = [_relay_sql(site, f"SELECT * FROM {name}") for name in ("ei_call", "ei_lane", "ei_source", "ei_audit")]
    reasons = _relay_sql(site, "SELECT outcome, reason FROM ei_receipt")
    parked = _relay_sql(site, "SELECT parked_code, parked_text FROM ei_post WHERE parked_text IS NOT NULL")
    assert all([*everything, reasons, parked])
    return "\n".join(line for lines in [*everything, reasons, parked] for line in lines)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("place", ["logs", "broker", "tables", "outbox", "commands", "metrics"])
def test_no_identity_is(ended: Ended, path: str, place: str) -> None:
    said = getattr(ended, place)
    assert said
    assert not [spelling for spelling in residents.spellings(WHO[path]) if spelling in said]
