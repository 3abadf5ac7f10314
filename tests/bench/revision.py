"""A program that is measured: this one, or another revision of it, with an environment of its own.

Another revision is checked out into a worktree and installed there from its own constraints. Nothing of it is
imported here: it is known only by what its operators know, its commands, its configuration and its outbox.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]


class RevisionError(Exception):
    """A revision could not be had; the text says why."""


class Program(NamedTuple):
    """An interpreter and the folder that it is run in."""

    python: Path
    root: Path

    def says(self, *args: str, **env: str) -> str:
        """What `python args` prints. Raises RevisionError where it fails."""
        return run([str(self.python), *args], self.root, **env)

    def environment(self, **env: str) -> dict[str, str]:
        """What its processes are given: nothing that would have them import another's modules."""
        return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | env


THIS: Final = Program(Path(sys.executable), ROOT)


def resolve(revision: str) -> str:
    """The whole name of a revision's commit. Raises RevisionError."""
    try:
        return run(["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]).strip()
    except RevisionError as error:
        raise RevisionError(f"{revision} is no revision of this repository; `git log` lists them") from error


@contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Program]:
    """The program as it was at a commit, below `folder`; the worktree is removed afterwards. Raises RevisionError."""
    tree, venv = folder / "against", folder / "against-venv"
    run(["git", "worktree", "add", "--quiet", "--detach", str(tree), commit])
    try:
        run([sys.executable, "-m", "venv", str(venv)])
        program = Program(venv / "bin" / "python", tree)
        pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        program.says(*pip, "-c", "constraints.txt", "-e", ".[demo]")
        yield program
    finally:
        run(["git", "worktree", "remove", "--force", str(tree)])


def run(command: list[str], folder: Path | None = None, **env: str) -> str:
    """What a command prints, in the repository unless told otherwise. Raises RevisionError with its last words."""
    folder = folder or ROOT
    environment = Program(Path(command[0]), folder).environment(**env)
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    except OSError as error:
        raise RevisionError(f"{command[0]} could not be run: {error.strerror}") from error
    if done.returncode:
        raise RevisionError(f"{' '.join(command[:4])} … failed:\n{(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout
