"""The commands, as an operator and as scripts meet them: exit codes, stdout for answers, stderr for the rest."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.integration.conftest import TIDBOK, NewSite
from tests.integration.residents import TOLVAN, spellings
from tests.integration.site import Site
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def fresh(new_site: NewSite, tmp_path: Path) -> Site:
    """A site that nothing was done for yet, on SQLite."""
    return new_site(database_url=f"sqlite:///{tmp_path}/relay.db", broker=False)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose one booking the index holds; for tests that only ask."""
    folder = tmp_path_factory.mktemp("running")
    with Site(folder, f"sqlite:///{folder}/relay.db", [TIDBOK]) as site:
        yield _run(site)


def _run(site: Site) -> Site:
    site.prepare()
    site.start_run()
    site.insert(
        TIDBOK.name, operation="upsert", booking_id="b-1", resident_id=TOLVAN, care_unit="SE2321000016-1HZ3",
        starts_at=datetime(2040, 5, 4, 8, 15).isoformat(),
    )  # fmt: skip
    wait_until(lambda: site.index.posts(), "the booking in the index")
    wait_until(lambda: site.status()["lanes"][0]["pending"] == 0, "the call recorded")
    return site


def test_set_up_can_be_repeated(fresh: Site) -> None:
    assert "from version none to " in fresh.command("db", "upgrade").stdout
    assert "already at version " in fresh.command("db", "upgrade").stdout
    assert fresh.command("outbox", "create").stdout == "tidbok-nord: ei_outbox made\n"
    assert fresh.command("outbox", "create").stdout == "tidbok-nord: ei_outbox was there already\n"
    assert "no source is called elsewhere" in fresh.command("outbox", "create", "--source", "elsewhere", code=3).stderr


def test_set_up_of_postgresql_can_be_repeated(new_site: NewSite) -> None:
    site = new_site(broker=False)
    site.prepare().prepare()
    assert "was there already" in site.command("outbox", "create").stdout


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "mssql", "oracle", "sqlite"])
def test_the_outboxs_ddl_is_all_there_is_on_stdout(running: Site, dialect: str) -> None:
    done = running.command("outbox", "ddl", "--dialect", dialect)
    assert done.stdout.startswith("-- The outbox")
    assert "CREATE TABLE ei_outbox" in done.stdout
    assert done.stdout.endswith("\n")
    assert done.stderr == ""
    if dialect == "sqlite":
        with sqlite3.connect(":memory:") as database:
            database.executescript(done.stdout)


def test_config_check_exits_with_1_for_mistakes_and_0_for_warnings(fresh: Site) -> None:
    fine = fresh.command("config", "check", "--json")
    assert json.loads(fine.stdout)["ok"]
    assert json.loads(fine.stdout)["warnings"] != []
    fresh.config.write_text(fresh.config.read_text(encoding="utf-8") + 'no_such_key = "1"\n', encoding="utf-8")
    wrong = fresh.command("config", "check", "--json", code=1)
    assert "no_such_key" in json.loads(wrong.stdout)["mistakes"][0]["key"]
    # and no other command does anything with it
    assert "the configuration is wrong" in fresh.command("db", "upgrade", code=1).stderr


def test_status_and_posts_before_the_database_is_there(fresh: Site) -> None:
    for command in (("status", "--json"), ("posts", "show", "--booking", "b-1")):
        done = fresh.command(*command, code=1)
        assert done.stdout == ""
        assert "run `ei-relay db upgrade`" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_status_tells_scripts_and_people_that_nothing_is_wrong(running: Site) -> None:
    status = running.status()
    assert status["ok"]
    assert status["wrong"] == []
    (source,) = status["sources"]
    assert (source["source"], source["unread"], source["indexed"]) == ("tidbok-nord", 0, 1)
    assert running.command("status").stdout.startswith("nothing is wrong\n")


def test_status_tells_what_is_wrong_and_still_exits_with_0(fresh: Site) -> None:
    _run(fresh)
    fresh.index.order(answer="fault", text="VP007: Authorization missing")
    fresh.insert(TIDBOK.name, operation="remove", booking_id="b-1")
    wait_until(
        lambda: any("practice:SE2321000016-84GX is blocked VP007" in line for line in fresh.status()["wrong"]),
        fresh.last_words,
    )
    assert not fresh.status()["ok"]


def test_logs_go_to_stderr_one_json_object_a_line(running: Site) -> None:
    (run,) = running.processes
    assert run.output() == ""
    records = [json.loads(line) for line in run.log().splitlines()]
    assert "call ended" in [record["message"] for record in records]


def test_posts_show_finds_a_booking_and_a_key_and_hides_the_resident(running: Site) -> None:
    found = json.loads(running.command("posts", "show", "--booking", "b-1", "--json").stdout)
    (post,) = found["posts"]
    assert (post["state"], post["wanted"], post["known"]) == ("indexed", "20400504081500", "20400504081500")
    by_key = json.loads(running.command("posts", "show", str(post["key"]), "--json").stdout)
    assert by_key == found
    for form in (["--booking", "b-1"], [str(post["key"])], ["--booking", "b-1", "--json"]):
        shown = running.command("posts", "show", *form)
        assert not any(spelling in shown.stdout + shown.stderr for spelling in spellings(TOLVAN))


def test_exit_code_3_says_that_nothing_matched(running: Site) -> None:
    for arguments in (["--booking", "unheard-of"], ["987654"], ["9" * 19], ["9" * 5000], ["²"], ["-"]):
        done = running.command("posts", "show", *arguments, code=3)
        assert (done.stdout, done.stderr) == ("", "nothing is known of it\n")
    done = running.command("posts", "show", "--booking", "b-1", "--source", "another", code=3)
    assert (done.stdout, done.stderr) == ("", "no source is called another; there are tidbok-nord\n")


@pytest.mark.parametrize(
    "wrong", [["no-such-command"], ["posts", "show"], ["posts", "show", "1", "--booking", "b"], ["outbox", "ddl"]]
)
def test_exit_code_2_says_that_it_was_used_wrongly(running: Site, wrong: list[str]) -> None:
    done = running.command(*wrong, code=2)
    assert done.stdout == ""
    assert "Usage: " in done.stderr


def test_an_argument_in_another_encoding_is_told_of_in_a_sentence(running: Site) -> None:
    in_latin_1 = os.fsdecode("Åsa".encode("latin-1"))
    done = running.command("posts", "show", "--booking", in_latin_1, code=2)
    assert done.stdout == ""
    assert done.stderr == ("an argument is not in UTF-8: set the terminal to UTF-8, or write it without such letters\n")
