"""What tests of commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from relay.cli.main import cli
from tests.made import RESIDENT

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command by the relay.toml of this test's folder, as anna; no resident is in what it prints."""
    monkeypatch.setenv("EI_RELAY_CONFIG", str(tmp_path / "relay.toml"))
    monkeypatch.setenv("EI_RELAY_WHO", "anna")

    def run(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == code, result.output
        assert RESIDENT not in result.output
        return result

    return run
