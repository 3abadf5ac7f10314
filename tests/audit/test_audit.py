"""What is known of the relay's parts, and that an audit which asked nobody is not called clean."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from tests.audit.judge import CLEAN, UNASKED, VULNERABLE, judge

ROOT: Final = Path(__file__).parents[2]
GOOD: Final = {"name": "zeep", "version": "4.3.3", "vulns": []}
UNKNOWN: Final = {"name": "lxml", "version": "6.1.3", "skip_reason": "Dependency not found on PyPI"}
OURSELVES: Final = {"name": "ei-relay", "skip_reason": "Dependency not found on PyPI"}
HOLE: Final = {"id": "PYSEC-2099-1", "fix_versions": ["9.9"], "aliases": [], "description": ""}
BAD: Final = {"name": "celery", "version": "5.7.0", "vulns": [HOLE]}


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        ({"dependencies": [GOOD, OURSELVES]}, CLEAN, "no known vulnerability in 1 packages"),
        ({"dependencies": [GOOD, BAD]}, VULNERABLE, "celery 5.7.0: PYSEC-2099-1, mended in 9.9"),
        ({"dependencies": [UNKNOWN, BAD]}, VULNERABLE, "PYSEC-2099-1"),
        ({"dependencies": [GOOD, UNKNOWN]}, UNASKED, "NOT audited: the service for vulnerabilities could not be asked"),
        ({"dependencies": [UNKNOWN]}, UNASKED, "about 1 of 1 packages"),
        ({"dependencies": [OURSELVES]}, UNASKED, "NOT audited"),
        (None, UNASKED, "about any package"),
    ],
)
def test_an_answer_is_judged_by_what_was_asked(answer: Any, code: int, says: str) -> None:
    found = judge(answer)

    assert found.code == code
    assert says in found.text


@pytest.mark.heavy
def test_the_relay_is_made_of_what_is_pinned_and_nothing_of_it_is_known_to_be_vulnerable() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.audit"], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode in (CLEAN, UNASKED), done.stdout + done.stderr

    parts = json.loads((ROOT / "dist" / "sbom.json").read_text(encoding="utf-8"))["components"]
    installed = {part["name"].lower().replace("_", "-"): part["version"] for part in parts}
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())
    pins = {name.lower().replace("_", "-"): version for name, version in pinned.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for wanted in ("sqlalchemy", "celery", "zeep", "starlette", "python-docx"):
        assert installed[wanted] == pins[wanted]
    assert len(installed) > len(project["dependencies"])
    if done.returncode == UNASKED:
        pytest.skip("the services for vulnerabilities could not be asked: the relay's parts are NOT audited")
