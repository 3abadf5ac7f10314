"""What a process imports before it does anything: nothing heavy that it may never need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.made import CONTROLLER, SYSTEM

HEAVY = (
    "alembic", "lxml", "redis", "requests", "zeep", "relay.store.schema", "psycopg", "celery", "sqlalchemy", "psutil",
    "prometheus_client", "ctypes", "urllib3", "sqlalchemy.dialects.mysql", "sqlalchemy.dialects.mssql",
    "sqlalchemy.dialects.oracle",
)  # fmt: skip
DATABASE = {"psycopg", "relay.store.schema", "sqlalchemy", "ctypes"}


@pytest.mark.parametrize(
    ("module", "needs"),
    [
        ("relay.cli.main", set()),
        ("relay.cli.status", DATABASE),  # somebody sits at a screen
        ("relay.flow.intake.step", {*DATABASE, "prometheus_client"}),
        ("relay.cli.run", {*DATABASE, "prometheus_client"}),  # until it calls an index
        ("relay.index.client", {"lxml", "urllib3"}),  # and then: not zeep, but for a WSDL of one's own
        ("workers", {"celery", "redis"}),  # all that beat is
        ("relay.celery_app", {"celery", "redis"}),
        ("relay.celery_app.tasks", {*DATABASE, "celery", "redis", "prometheus_client"}),
    ],
)
def test_what_a_process_imports(module: str, needs: set[str], tmp_path: Path) -> None:
    # Given a configuration, when a process is no further than its imports, then only what it needs is there
    config = tmp_path / "relay.toml"
    config.write_text(f"""
        environment = "qa"
        database_url = "postgresql+psycopg://relay@localhost/relay"
        broker_url = "redis://localhost"
        [engagement_index.national]
        url = "http://localhost:1/"
        logical_address = "5565594230"
        [[source]]
        name = "clinic"
        source_systems = ["{SYSTEM}"]
        data_controller = "{CONTROLLER}"
        engagement_index = "national"
        test_residents = "*"
        """)
    asked = f"import sys, {module}; print(*(name for name in {HEAVY} if name in sys.modules))"

    done = subprocess.run(
        [sys.executable, "-c", asked],
        env=os.environ | {"EI_RELAY_CONFIG": str(config)},
        check=True,
        capture_output=True,
        text=True,
    )

    assert set(done.stdout.split()) <= needs


def test_nobody_looks_for_garbage_while_a_command_is_imported() -> None:
    # When a command is loaded, then the collector does not run; afterwards it does as ever, and leaves the modules out
    asked = """
import gc
from relay.cli.main import cli
rounds = []
gc.callbacks.append(lambda phase, _info: rounds.append(phase))
cli.get_command(None, "status")
print(len(rounds), gc.isenabled(), gc.get_freeze_count() > 100_000)
"""
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)

    assert done.stdout.split() == ["0", "True", "True"]
