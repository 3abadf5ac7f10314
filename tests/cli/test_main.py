"""What `ei-relay` says of what ends a command before its time: one sentence, and the exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from relay.cli.main import cli, main
from tests.cli.configuration import RIGHT


def test_what_a_terminal_cannot_show_ends_no_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "relay", "parked", "retry", "--help"],
        env=os.environ | {"PYTHONIOENCODING": "iso-8859-1"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "[KEY]?" in done.stdout  # for an ellipsis


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
def test_output_that_cannot_be_written_fails_in_a_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "relay", "outbox", "ddl", "--dialect", "sqlite"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "it could not be done: No space left on device\n")


@pytest.mark.parametrize(
    ("database", "says"),
    [
        (
            "postgresql+psycopg://relay:hunter2@127.0.0.1:9/relay",
            "the database does not answer (OperationalError); `ei-relay config check --connect` tells more",
        ),
        (
            "sqlite:////nowhere/relay.db",
            "the database that the URL names is not there (OperationalError); "
            "`ei-relay config check --connect` tells more",
        ),
    ],
)
def test_a_database_that_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database: str, says: str
) -> None:
    assert fails("status", tmp_path, monkeypatch, EI_RELAY_DATABASE_URL=database) == 1

    assert capsys.readouterr() == ("", f"the database did not do it: {says}\n")


@pytest.mark.skipif(find_spec("pyodbc") is not None, reason="the driver is installed")
def test_a_driver_that_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "mssql+pyodbc://reader:hunter2@db/booking"

    assert fails("outbox create", tmp_path, monkeypatch, EI_RELAY_SOURCE__TIDBOK_NORD__OUTBOX_URL=url) == 1

    assert capsys.readouterr().err.startswith("the package pyodbc is not installed; for a driver: pip install ")


def fails(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **environment: str) -> object:
    """The exit code of a command of a site whose database is not there, with this environment over it."""
    (folder / "relay.toml").write_text(RIGHT.format(folder=folder), encoding="utf-8")
    for name, value in {"EI_RELAY_CONFIG": str(folder / "relay.toml"), **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["ei-relay", *command.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.mark.parametrize(
    "typed",
    [
        "sandbox --port 65536", "sandbox --port -1", "sandbox --latency -1", "sandbox --latency nan",
        "sandbox --key-spacing inf", "sandbox --collect --collect-messages 0", "demo --seconds nan",
    ],
)  # fmt: skip
def test_numbers_that_make_no_sense_are_wrong_usage(typed: str) -> None:
    assert CliRunner().invoke(cli, typed.split()).exit_code == 2


def test_nothing_is_loaded_before_a_command_is_known() -> None:
    """Each of these takes a tenth of a second, in which click is not there yet to hear a Ctrl-C."""
    loaded = "import relay.cli.main, sys; print([m for m in ('sqlalchemy', 'pydantic', 'lxml') if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, timeout=60, check=False)

    assert (done.stdout, done.stderr) == ("[]\n", "")
