"""Two addresses of one table: the later source does not read what the earlier one has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url

from relay.database import connect
from relay.flow.intake import sameness
from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.outbox.ddl import create
from relay.outbox.identity import identity
from relay.settings import parse
from relay.store import overview
from relay.store.migrate import upgrade
from tests.made import CONTROLLER
from tests.outbox.contract.site import LATER
from tests.outbox.written import outcomes, put

ALL = ["sqlite", "postgresql", pytest.param("mariadb", marks=pytest.mark.mariadb)]


@pytest.fixture(params=ALL)
def dialect(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = connect(database_url)
    create(engine)
    create(engine, "another_outbox")
    yield engine
    engine.dispose()


@pytest.fixture
def alias(engine: Engine, tmp_path: Path) -> str:
    """Another address of the same database."""
    if engine.dialect.name == "sqlite":
        os.link(str(engine.url.database), tmp_path / "alias.db")
        return f"sqlite:///{tmp_path / 'alias.db'}"
    return make_url(engine.url).set(host="localhost").render_as_string(hide_password=False)


def source(name: str, url: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "source_systems": [f"SE1-{name}"], "data_controller": CONTROLLER,
        "engagement_index": "practice", "test_residents": "*", "outbox_url": url, **more,
    }  # fmt: skip


def relay_of(folder: Path, *sources: dict[str, Any]) -> Relay:
    relay = Relay(
        parse(
            {
                "environment": "qa", "database_url": f"sqlite:///{folder / 'relay.db'}",
                "engagement_index": {"practice": {"url": "http://127.0.0.1:1/", "logical_address": "5565594230"}},
                "source": list(sources),
            }
        )
    )  # fmt: skip
    upgrade(relay.store.engine)
    relay.prepare()
    return relay


def errors(relay: Relay) -> dict[str, str | None]:
    return {row.name: row.error for row in relay.store.transact(overview.sources)}


def test_a_table_that_is_read_by_another_address_is_not_read_twice(engine: Engine, alias: str, tmp_path: Path) -> None:
    url = engine.url.render_as_string(hide_password=False)
    relay = relay_of(tmp_path, source("first", url), source("second", alias))
    assert intake(relay, "first").rows == 0
    put(engine, **LATER, source_system="SE1-first")

    assert intake(relay, "second").rows == 0
    assert intake(relay, "first").rows == 1

    assert errors(relay)["first"] is None
    assert "it is the very table that source first reads by another address" in str(errors(relay)["second"])
    assert set(outcomes(engine).values()) == {("taken", None)}
    relay.close()


@pytest.mark.parametrize("dialect", ALL[1:], indirect=True)  # SQLite does not work by two names at once
@pytest.mark.parametrize("looks_first", ["first", "second"])
def test_neither_takes_the_other_s_rows_whoever_looks_first(
    engine: Engine, alias: str, tmp_path: Path, looks_first: str
) -> None:
    """Also before either has said which table it reads; they wait until the configuration is right."""
    url = engine.url.render_as_string(hide_password=False)
    relay = relay_of(tmp_path, source("first", url), source("second", alias))
    mine, theirs = put(engine, **LATER, source_system="SE1-first"), put(engine, **LATER, source_system="SE1-second")

    for name in (looks_first, "first", "second", "first"):
        intake(relay, name)

    assert outcomes(engine) == {mine: ("taken", None), theirs: (None, None)}
    assert errors(relay)["first"] is None
    assert "it is the very table that source first reads" in str(errors(relay)["second"])
    relay.close()

    right = relay_of(tmp_path, source("first", url), source("second", url))
    for name in ("first", "second"):
        intake(right, name)
    assert outcomes(engine) == {mine: ("taken", None), theirs: ("taken", None)}
    right.close()


@pytest.mark.parametrize("dialect", ALL[1:], indirect=True)  # SQLite does not work by two names at once
def test_another_table_of_the_same_server_is_another_table(engine: Engine, alias: str, tmp_path: Path) -> None:
    url = engine.url.render_as_string(hide_password=False)
    relay = relay_of(tmp_path, source("first", url), source("second", alias, outbox_table="another_outbox"))
    for name in ("first", "second"):
        intake(relay, name)
    put(engine, "another_outbox", **LATER)
    assert intake(relay, "second").rows == 1
    assert errors(relay) == {"first": None, "second": None}
    relay.close()


def test_a_table_says_who_it_is_to_whoever_may_read_it(engine: Engine, alias: str) -> None:
    other = connect(alias)
    assert identity(engine, "ei_outbox") == identity(other, "ei_outbox") is not None
    assert identity(engine, "ei_outbox") != identity(engine, "another_outbox")
    other.dispose()


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_one_that_does_not_answer_is_asked_once_for_which_table_it_is(engine: Engine, tmp_path: Path) -> None:
    """Its database has the same name on another host, which is away: nobody may go on waiting for it."""
    url = engine.url.render_as_string(hide_password=False)
    away = engine.url.set(port=1).render_as_string(hide_password=False)
    relay = relay_of(tmp_path, source("first", url), source("second", away))
    put(engine, **LATER)
    assert intake(relay, "first").rows == 1
    assert relay.asked == {"second": None}

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sameness, "connect", None)  # nobody is asked any more
        relay.alone.clear()  # some seconds later
        put(engine, **LATER)
        assert intake(relay, "first").rows == 1
    relay.close()


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_one_that_did_not_answer_at_first_is_left_its_rows_when_it_does(
    engine: Engine, alias: str, tmp_path: Path
) -> None:
    """Also by a source before which all have said by then which table they read."""
    url = engine.url.render_as_string(hide_password=False)
    others = source("other", url, outbox_table="another_outbox")
    relay = relay_of(tmp_path, others, source("first", url), source("second", alias))
    relay.asked["second"] = None  # its address led nowhere when it was asked
    for name in ("other", "first"):
        intake(relay, name)
    relay.alone.clear()  # some seconds later
    sameness.is_to_be_asked(relay, "first")
    intake(relay, "second")

    theirs = put(engine, **LATER, source_system="SE1-second")
    assert intake(relay, "first").rows == 0
    assert outcomes(engine) == {theirs: (None, None)}
    relay.close()
