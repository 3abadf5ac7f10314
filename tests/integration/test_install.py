"""The installation by pip and systemd, as docs/install.md tells it: the unit verified, and every other line tried."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest

from relay.settings.engagement_index import EngagementIndex
from tests.integration.conftest import TIDBOK, NewSite
from tests.integration.processes import ROOT
from tests.integration.residents import TOLVAN
from tests.integration.site import Pace
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.integration

GUIDE: Final = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
UNIT: Final = re.findall(r"```ini\n# /etc/systemd/system/ei-relay@\.service\n(.*?)```", GUIDE, re.DOTALL)[0]
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # what systemd gives a service


UNITS: Final = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "config" / "systemd").glob("*.service")}
EXPOSURE: Final = 3.0  # of ten, as systemd-analyze counts
NO_SYSTEMD: Final = "systemd is not installed: the units of the guide are NOT verified"


def of_the_unit(key: str) -> str:
    """The value of the one line of the unit that begins so."""
    (value,) = re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)
    return str(value)


def complaints(folder: Path, unit: str) -> list[str]:
    """What systemd says of a unit's instances."""
    (folder / "ei-relay@.service").write_text(unit.replace("/opt/ei-relay/bin/celery", "/bin/true"), encoding="utf-8")
    instances = [f"./ei-relay@{part}.service" for part in ("worker", "beat")]
    verify = ["systemd-analyze", "verify", "--man=no", *instances]
    said = subprocess.run(verify, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return [line for line in (said.stdout + said.stderr).splitlines() if "ei-relay@" in line]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason=NO_SYSTEMD)
def test_systemd_has_nothing_to_say_of_the_unit(tmp_path: Path) -> None:
    assert complaints(tmp_path, UNIT) == []
    assert "ProtectHme" in complaints(tmp_path, UNIT.replace("ProtectHome", "ProtectHme"))[0]
    assert "/bin/false " in complaints(tmp_path, UNIT.replace("/opt/ei-relay/bin/celery", "/no/bin/false"))[0]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason=NO_SYSTEMD)
@pytest.mark.parametrize("name", sorted(UNITS))
def test_a_unit_is_right_and_leaves_little_open(tmp_path: Path, name: str) -> None:
    # Given a unit as it is shipped, on a machine on which the programs are not installed
    instance = name.replace("@.", "@worker.")
    unit = re.sub(r"/opt/ei-relay/bin/[a-z-]+", "/bin/true", UNITS[name])
    (tmp_path / name).write_text(unit, encoding="utf-8")

    def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["systemd-analyze", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )

    # then systemd has nothing to say of it, and counts little that is left open
    verified = analyze("verify", "--man=no", f"./{instance}")
    assert [line for line in (verified.stdout + verified.stderr).splitlines() if "ei-relay" in line] == []
    said = analyze("security", "--offline=yes", "--no-pager", f"./{instance}")
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", said.stdout)
    assert float(exposure) <= EXPOSURE, said.stdout


def test_the_guide_shows_the_unit_that_is_shipped() -> None:
    assert UNITS["ei-relay@.service"] == UNIT
    assert set(UNITS) == {f"ei-relay{name}.service" for name in ("@", "-console", "-exporter", "-run")}


def test_the_unit_lets_calls_end_and_writes_only_where_it_may() -> None:
    assert int(of_the_unit("TimeoutStopSec")) == EngagementIndex.model_fields["call_timeout"].default.seconds + 30
    assert of_the_unit("WorkingDirectory") == f"/var/lib/{of_the_unit('StateDirectory')}"


class Machine:
    """A folder that stands for a machine's root, on which the guide is followed as root, and run as nobody."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("opt", "etc/ei-relay", "var/lib/ei-relay", "clone"):
            (root / folder).mkdir(parents=True)
        self.state, self.config = root / "var/lib/ei-relay", root / "etc/ei-relay/ei-relay.toml"
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        os.chown(self.state, self._user.pw_uid, self._user.pw_gid)

    def here(self, text: str) -> str:
        """A line of the guide with its paths on this machine."""
        return re.sub(r"(?<![\w.])/(?=(opt|etc|var/lib)/ei-relay)", f"{self.root}/", text)

    def configure(self, text: str) -> None:
        """Write the configuration as the guide's rights have it: its group may read it."""
        self.config.write_text(text, encoding="utf-8")
        for path, mode in ((self.config, 0o640), (self.config.parent, 0o750)):
            os.chown(path, -1, self._user.pw_gid)
            path.chmod(mode)

    def install(self) -> None:
        """Follow the lines that install, in a clone."""
        for name in ("pyproject.toml", "constraints.txt", "README.md"):
            shutil.copy(ROOT / name, self.root / "clone")
        for name in ("relay", "workers"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, self.root / "clone" / name, ignore=ignored)
        part = GUIDE.split("\n## Linux, by pip and systemd\n")[1].split("\n## ")[0]
        lines = re.findall(r"^    (python3 -m venv .*|/opt/ei-relay/bin/pip install .*)$", part, re.MULTILINE)
        assert len(lines) == 2
        environment = os.environ | {"PATH": PATH}
        for line in lines:
            done = subprocess.run(
                ["sh", "-c", self.here(line)], cwd=self.root / "clone", env=environment, capture_output=True, text=True,
                timeout=600, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"

    def start(self, command: str, environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start a command as the service's user, where the unit says and with nothing else in its environment."""
        with log.open("ab") as output:
            return subprocess.Popen(
                shlex.split(self.here(command)), cwd=self.here(of_the_unit("WorkingDirectory")), stdout=output,
                stderr=output, user=self._user.pw_uid, group=self._user.pw_gid, extra_groups=[],
                env={"PATH": PATH, "HOME": str(self.state), "LANG": "C.UTF-8"} | environment,
            )  # fmt: skip


@pytest.fixture
def machine() -> Iterator[Machine]:
    """Not under tmp_path, which only its owner may enter."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Machine(Path(folder))


def suitable_python() -> bool:
    """Whether the python3 that a system's administrator finds is one that the guide's lines can be followed with."""
    program = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
    environment = {"PATH": PATH}
    return subprocess.run(["sh", "-c", f'python3 -c "{program}"'], env=environment, check=False).returncode == 0


@pytest.mark.heavy
def test_what_the_guide_installs_publishes_a_booking(new_site: NewSite, machine: Machine, tmp_path: Path) -> None:
    # Given the relay installed and configured by the guide, and its commands that make tables and check
    if not suitable_python():
        pytest.skip("the system's python3 is older than 3.11 or has no venv: the guide's installation is NOT tried")
    site = new_site(Pace(says_lone_posts_again=False))
    machine.install()
    machine.configure(site.config.read_text(encoding="utf-8"))
    commands = re.findall(r"^    sudo -u ei-relay (EI_RELAY_CONFIG)=(\S+) (.*)$", GUIDE, re.MULTILINE)
    assert [command.split()[1] for *_, command in commands] == ["db", "outbox", "config"]
    for name, value, command in commands:
        log = tmp_path / "command.log"
        assert machine.start(command, {name: machine.here(value)}, log).wait(PATIENCE) == 0, log.read_text()

    # when the unit's command runs worker and beat
    name, value = of_the_unit("Environment").split("=")
    with ExitStack() as stack:
        parts = []
        for part in ("worker", "beat"):
            command = of_the_unit("ExecStart").replace("%i", part)
            process = machine.start(command, {name: machine.here(value)}, tmp_path / f"{part}.out")
            stack.callback(process.kill)
            parts.append(process)
        site.insert(
            TIDBOK.name, operation="upsert", booking_id="b-1", resident_id=TOLVAN, care_unit="SE2321000016-1HZ3",
            starts_at=datetime(2040, 5, 4, 8, 15),
        )  # fmt: skip

        # then the booking is published, both end in order, and nothing was written but where it may be
        wait_until(lambda: [call["outcome"] for call in site.index.calls()] == ["accepted"], site.last_words)
        for process in parts:
            process.terminate()
            assert process.wait(PATIENCE) == 0, site.last_words()
    assert list(machine.state.iterdir()) == []
