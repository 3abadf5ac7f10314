"""What is built for others: the source distribution is the whole project, and the wheel works where nothing else is.

Both are built as `./run build` does. The wheel is installed into a fresh environment that sees this one's dependencies,
so that no test waits for the network; `tests/integration/test_install.py` installs those too.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Final

import pytest

import relay

ROOT: Final = Path(__file__).parents[1]
MADE: Final = {".venv", ".git", "node_modules", "__pycache__", "build", "dist", "*.egg-info", ".*_cache", ".hypothesis"}
ADDED: Final = {"MANIFEST.in", "PKG-INFO", "setup.cfg"}  # by the build, or for it


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two, built from a copy of the project; the wheel from the source distribution."""
    folder = tmp_path_factory.mktemp("built")
    copy = shutil.copytree(ROOT, folder / "copy", ignore=shutil.ignore_patterns(*MADE), symlinks=True)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist")]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "dist"


@pytest.fixture(scope="module")
def sources(built: Path) -> Path:
    """The unpacked source distribution."""
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(built, filter="data")
    return built / archive.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel, and this environment's packages behind it but for the relay."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(folder), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, str(wheel)], check=True, timeout=120)
    (site,) = folder.glob("lib/python*/site-packages")
    ours = {path for path in sys.path if path.endswith("site-packages")}
    (site / "dependencies.pth").write_text("\n".join(sorted(ours)), encoding="utf-8")
    return folder


def run(
    installed: Path, folder: Path, *command: str, code: int = 0, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of the environment in a folder that has nothing to do with the project."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("EI_RELAY_", "PYTHON"))}
    done = subprocess.run(
        [str(installed / "bin" / command[0]), *command[1:]], cwd=folder, env=clean | variables, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def tracked() -> set[str]:
    """What belongs to the project: what git has; where there is no git, as in a source distribution, what is here."""
    if not (ROOT / ".git").exists():
        return {name for name in files(ROOT) if not name.startswith(("ei_relay.egg-info", "."))}
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    there = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return {name for name in there if (ROOT / name).exists()}


def test_the_source_distribution_is_the_whole_project(sources: Path) -> None:
    found = {name for name in files(sources) if not name.startswith("ei_relay.egg-info/") and "__pycache__" not in name}
    assert tracked() - found == set()
    assert found - tracked() - ADDED == set()
    assert os.access(sources / "run", os.X_OK)


def test_tests_run_from_the_source_distribution(sources: Path) -> None:
    some = ["tests/test_backoff.py", "tests/test_version.py", "tests/settings/test_examples.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-vv", "-p", "no:cacheprovider", *some], cwd=sources, capture_output=True,
        text=True, timeout=120, check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHONPATH"))},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"rootdir: {sources.resolve()}" in done.stdout
    asked = [sys.executable, "-c", "import relay; print(relay.__file__)"]
    where = subprocess.run(asked, cwd=sources, capture_output=True, text=True, check=True).stdout
    assert Path(where).is_relative_to(sources.resolve())


def test_the_wheel_has_each_file_of_the_packages_and_what_an_operator_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    packages = {name for name in tracked() if name.startswith(("relay/", "workers/"))}
    assert packages - names == set()
    shared = {name.partition(".data/data/share/ei-relay/")[2] for name in names} - {""}
    expected = {name for name in tracked() if name.startswith(("docs/", "helm/", "config/systemd/"))}
    assert expected - shared == set()
    assert {
        "config/example.toml", "config/minimal.toml", "config/prometheus/ei-relay.rules.yml", "CHANGELOG.md",
        "config/prometheus/scrape.example.yaml", "config/grafana/ei-relay.json", "constraints.txt",
    } <= shared  # fmt: skip
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.startswith("ei_relay-")} == {"relay", "workers"}


def test_the_wheels_metadata_is_complete(wheel: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode()
        assert name.replace("METADATA", "licenses/LICENSE") in archive.namelist()
    for line in (
        "Name: ei-relay", f"Version: {relay.__version__}", "License-Expression: Apache-2.0",
        f"Requires-Python: {project['requires-python']}", f"Summary: {project['description']}",
    ):  # fmt: skip
        assert line in metadata.splitlines()


def test_what_is_installed_works_outside_the_project(installed: Path, tmp_path: Path) -> None:
    assert relay.__version__ in run(installed, tmp_path, "ei-relay", "--version").stdout
    where = run(installed, tmp_path, "python", "-c", "import relay; print(relay.__file__)").stdout.strip()
    assert Path(where).is_relative_to(installed)
    ddl = run(installed, tmp_path, "ei-relay", "outbox", "ddl", "--dialect", "sqlite").stdout
    sqlite3.connect(":memory:").executescript(ddl)

    # the configuration that came with it is one to start from
    config = tmp_path / "ei-relay.toml"
    example = (installed / "share/ei-relay/config/minimal.toml").read_text(encoding="utf-8")
    config.write_text(example, encoding="utf-8")
    at = {"EI_RELAY_CONFIG": str(config), "EI_RELAY_DATABASE_URL": f"sqlite:///{tmp_path}/relay.db"}
    run(installed, tmp_path, "ei-relay", "config", "check", **at)
    run(installed, tmp_path, "ei-relay", "db", "upgrade", **at)
    run(installed, tmp_path, "ei-relay", "status", **at)
    told = run(installed, tmp_path, "python", "-m", "celery", "-A", "workers", "report", **at).stdout
    assert "relay.celery_app.pulse:PulsingScheduler" in told


def test_another_package_named_workers_takes_nothing_but_the_short_name(installed: Path, tmp_path: Path) -> None:
    # Given a folder in which somebody else's package of the name comes first
    config = tmp_path / "ei-relay.toml"
    shutil.copy(installed / "share/ei-relay/config/minimal.toml", config)
    (tmp_path / "workers").mkdir()
    (tmp_path / "workers" / "__init__.py").write_text("raise SystemExit('not ours')\n", encoding="utf-8")
    at = {"EI_RELAY_CONFIG": str(config)}

    theirs = run(installed, tmp_path, "python", "-m", "celery", "-A", "workers", "report", code=1, **at)
    assert "not ours" in theirs.stderr
    ours = run(installed, tmp_path, "python", "-m", "celery", "-A", "relay.celery_app", "report", **at)
    assert "relay.celery_app.pulse:PulsingScheduler" in ours.stdout
    # and the tasks are called on the wire as ever, by which workers of other versions know them
    asked = "from relay.celery_app.tasks import app; print(*app.tasks)"
    assert "workers.tick" in run(installed, tmp_path, "python", "-c", asked, **at).stdout.split()


def test_pytest_finds_the_plugin_for_vendors_tests(installed: Path, tmp_path: Path) -> None:
    (example,) = re.findall(
        r"```python\n(.*?)```", (installed / "share/ei-relay/docs/testing.md").read_text(), re.DOTALL
    )
    (tmp_path / "test_ours.py").write_text(example, encoding="utf-8")

    # cloudcoil: a plugin that comes with the Prometheus operator's schemas, and would want more packages
    command = ("python", "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:cloudcoil", "--ei-relay")

    said = run(installed, tmp_path, *command).stdout
    assert "1 passed" in said
    assert "ei-relay: an index to practise on at http://127.0.0.1:" in said


def test_the_demo_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    shown = run(installed, tmp_path, "ei-relay", "demo", "--single", "--seconds", "2", TMPDIR=str(tmp_path)).stdout
    assert shown.strip()
    assert list(tmp_path.iterdir()) == []
