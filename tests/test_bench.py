"""The bench's arithmetic, what it says, and that another revision leaves nothing behind. It measures nothing here."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

import pytest

from relay.settings import parse
from tests.bench import revision
from tests.bench.against import Against
from tests.bench.floor import Floor
from tests.bench.index import Accepted
from tests.bench.plain import Plain
from tests.bench.relayed import Idle, Polled, Relayed, configuration
from tests.bench.report import Measured, as_object, as_text
from tests.bench.revision import RevisionError, checked_out, resolve

NAMES = {
    "ratio_against", "ratio_plain", "ratio_floor", "wal_bytes_per_row", "delay_p50_seconds", "delay_p99_seconds",
    "idle_statements_1", "idle_statements_50", "worker_rss_mib", "beat_rss_mib", "delay_polled_p50_seconds",
    "delay_polled_p99_seconds", "run_rss_mib", "ratio_floor_against",
}  # fmt: skip


def accepted(rate: float) -> Accepted:
    return Accepted(calls=20, posts=20_000, rate=rate)


def whole() -> Measured:
    """A run in which everything was measured."""
    relayed = Relayed(accepted(4000.0), 0.03, 2500.0, 1000, 0.6, 1.1, Idle(1, 6.0, 1.4, 131.0), 111.0)
    return Measured(
        relayed=relayed,
        many=Idle(50, 55.0, 4.3, 124.0),
        polled=Polled(1000, 0.6, 1.1),
        alone_mib=75.0,
        plain=Plain(accepted(250.0), accepted(40.0)),
        floor=Floor(accepted(4100.0), accepted(8000.0), 0, 420),
        against=Against("0123456789abcdef", [4000.0, 3000.0, 5000.0], [2000.0, 3000.0, 2000.0], 5000.0),
    )


def test_a_whole_run_has_every_figure_and_no_note() -> None:
    said = as_object(whole())

    assert {name for name in NAMES if isinstance(said[name], float)} == NAMES
    assert (said["ratio_against"], said["ratio_against_spread"]) == (2.0, [1.0, 2.5])
    assert said["ratio_floor_against"] == 0.8
    assert (said["ratio_plain"], said["ratio_floor"], said["idle_statements_50"]) == (16.0, 0.5, 55.0)
    assert said["notes"] == {}
    assert "median of 3 pairs" in as_text(whole())
    json.dumps(said)


def test_a_figure_that_was_not_measured_is_null_and_has_a_reason() -> None:
    run = Measured(plain=whole().plain, notes={"relayed": "20000 posts at the index: not within 120 s"})

    said = as_object(run)

    assert all(said[name] is None for name in NAMES)
    assert said["notes"].keys() >= NAMES
    assert said["notes"]["ratio_plain"] == "20000 posts at the index: not within 120 s"
    assert "not measured: relayed" in as_text(run)


def test_a_revision_without_a_bench_has_no_floor() -> None:
    run = whole()
    run.against = Against("0123456789abcdef", [4000.0], [2000.0], None, "No module named tests.bench")

    said = as_object(run)

    assert (said["ratio_against"], said["ratio_floor_against"]) == (2.0, None)
    assert said["notes"] == {"ratio_floor_against": "No module named tests.bench"}
    assert "floor of 01234567" in as_text(run)


def test_memory_that_the_system_does_not_tell_is_null() -> None:
    run = whole()
    assert run.relayed is not None
    run.relayed = run.relayed._replace(beat_mib=None)

    said = as_object(run)

    assert said["beat_rss_mib"] is None
    assert said["notes"] == {"beat_rss_mib": "this system does not say"}


def test_the_surge_guard_is_off_where_there_is_one() -> None:
    """All bookings of the bench are of one resident."""
    addresses = ("sqlite:///bench.db", "redis://localhost", "http://localhost:1/")

    assert not parse(tomllib.loads(configuration(*addresses))).surge_guard.enabled
    assert "surge_guard" not in configuration(*addresses, guard=False)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one commit whose constraints nobody can install."""
    root = tmp_path / "repository"
    root.mkdir()
    (root / "constraints.txt").write_text("what is this\n")
    for command in (
        ("init", "--quiet"),
        ("add", "."),
        ("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "first"),
    ):
        subprocess.run(["git", *command], cwd=root, check=True)
    monkeypatch.setattr(revision, "ROOT", root)
    return root


def test_a_revision_that_cannot_be_installed_leaves_no_worktree(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(RevisionError, match="pip install"), checked_out(resolve("HEAD"), tmp_path):
        pytest.fail("it was installed")

    listed = subprocess.run(["git", "worktree", "list"], cwd=repository, check=True, capture_output=True, text=True)
    assert len(listed.stdout.splitlines()) == 1
    assert not (tmp_path / "against").exists()


def test_a_revision_that_is_none_is_told(repository: Path) -> None:
    with pytest.raises(RevisionError, match="no-such is no revision"):
        resolve("no-such")
