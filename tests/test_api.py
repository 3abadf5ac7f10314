"""The modules that others may import: as docs/api.md lists them, and clean to import."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

PAGE: Final = (Path(__file__).parents[1] / "docs" / "api.md").read_text(encoding="utf-8")
FACE: Final = {
    module: re.findall(r"`(\w+)`", names)
    for module, names in re.findall(r"^\| `([\w.]+)` \| (.*?) \|", PAGE, re.MULTILINE)
}
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(PRINTED,) = re.findall(r"```\n\n    (.*)\n", PAGE)


@pytest.mark.parametrize("module", FACE)
def test_a_module_offers_what_the_page_says(module: str) -> None:
    offered = import_module(module)

    assert set(FACE[module]) <= set(offered.__all__)
    assert module == "relay.settings" or set(FACE[module]) == set(offered.__all__)
    assert offered.__doc__
    for name in FACE[module]:
        documented = getattr(offered, name)
        assert not callable(documented) or documented.__doc__, f"{module}.{name} has no docstring"


@pytest.mark.parametrize("module", FACE)
def test_importing_it_alone_does_nothing(module: str, tmp_path: Path) -> None:
    # Given a process of its own, without a configuration, in which a warning is an error
    asked = f"import sys, threading, {module}; print(threading.active_count(), 'celery' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (0, "1 False\n", "")
    assert list(tmp_path.iterdir()) == []


def test_the_pages_example_prints_what_it_says(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", EXAMPLE], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == PRINTED
