from __future__ import annotations

import os
import subprocess
import sys


def test_what_a_terminal_cannot_show_ends_no_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "relay", "parked", "retry", "--help"],
        env=os.environ | {"PYTHONIOENCODING": "iso-8859-1"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "[KEY]?" in done.stdout  # for an ellipsis
