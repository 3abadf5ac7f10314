"""docs/tutorial.md, followed to the letter: its commands one after the other, in one shell, outside the project.

What installs is left out: `tests/test_package.py` builds the wheel and installs it, and the commands are this one's.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from relay.demo.throwaway import free_port

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS: Final = re.findall(r"```sh ?(\w*)\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.heavy
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: the tutorial is NOT followed")
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    # Given its commands, with a port that is free here, in a folder of their own
    commands = [block for kind, block in BLOCKS if kind == ""]
    assert len(commands) >= 10
    script = "\n".join(["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", *commands])
    script = script.replace("8088", str(free_port()))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EI_RELAY_")}
    here = Path(sys.executable).parent
    environment |= {"PATH": f"{here}{os.pathsep}{environment['PATH']}", "EI_RELAY_WORKER_METRICS_PORT": "0"}

    # when they are run in one shell, then each of them succeeds
    with (tmp_path / "out").open("w+", encoding="utf-8") as out:
        done = subprocess.run(
            ["timeout", "600", "bash", "-c", script], cwd=tmp_path, env=environment, stdout=out, stderr=out, check=False
        )
    said = (tmp_path / "out").read_text(encoding="utf-8")

    assert done.returncode == 0, said
    assert "It is in the index." in said
    assert "Traceback" not in (tmp_path / "relay.log").read_text(encoding="utf-8")


def test_what_is_left_out_is_what_installs_and_the_demo() -> None:
    left_out = {kind: block for kind, block in BLOCKS if kind}
    assert set(left_out) == {"install", "folder", "demo"}
    assert left_out["demo"] == "ei-relay demo --single\n"
