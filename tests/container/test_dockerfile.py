"""The Dockerfile as text: its linter is content, and the builder gets no more than it needs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    if not hadolint.exists():
        pytest.skip("the extra `container` is not installed: the Dockerfile is NOT linted")

    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_all_that_is_copied_goes_to_the_builder_and_nothing_else() -> None:
    # Given the first words of the Dockerfile's COPY lines, but for those between stages
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = {name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for name in line.split()}
    # then they are what .dockerignore lets through
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert "*" in ignored
    assert copied == {line[1:] for line in ignored if line.startswith("!")}


def test_the_base_is_pinned_by_tag() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^ARG BASE=(python:3\.\d+-slim-\w+)$", text, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${BASE}"}


def test_what_may_write_nothing_has_its_standard_library_compiled() -> None:
    # The official images come without; each command would compile it anew, which takes as long as all else that it does
    last = (ROOT / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    assert "PYTHONDONTWRITEBYTECODE=1" in last
    assert "compileall.compile_dir(sysconfig.get_path('stdlib')" in last
