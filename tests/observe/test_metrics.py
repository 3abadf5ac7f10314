from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

COUNT = "from relay.observe import metrics; metrics.prepare(['nord'])"


def counting_in(folder: Path) -> subprocess.CompletedProcess[str]:
    """A process that counts in a folder."""
    return subprocess.run(
        [sys.executable, "-c", COUNT], env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_folder_of_counts_that_is_not_there_is_made(tmp_path: Path) -> None:
    assert counting_in(tmp_path / "run" / "counts").returncode == 0
    assert list((tmp_path / "run" / "counts").glob("counter_*.db"))


def test_a_folder_of_counts_that_cannot_be_made_is_told_of_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = counting_in(tmp_path / "file")
    assert done.returncode == 1
    assert done.stderr == f"PROMETHEUS_MULTIPROC_DIR: {tmp_path}/file cannot be made a folder: File exists\n"
