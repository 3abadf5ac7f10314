"""The image, really built from the Dockerfile, on a stand-in for its base: a Debian with its own Python, since the
registry that has the real base cannot be reached from everywhere.

What fails before the Dockerfile is read says something of this machine: then nothing can be tried here, and the tests
are skipped. What fails after it says something of the Dockerfile.

A build fetches packages as this machine does: pip's settings and the authorities it trusts are mounted while a command
runs, so that neither is in the image.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BASE: Final = f"localhost/ei-relay-stand-in-{os.getpid()}"
IMAGE: Final = f"localhost/ei-relay-tested-{os.getpid()}"
_CONTAINER: Final = f"ei-relay-stand-in-{os.getpid()}"
_PROBE: Final = f"localhost/ei-relay-probe-{os.getpid()}"
_TOOLS: Final = ("mmdebstrap", "buildah", "podman", "runc")
_PACKAGES: Final = "python3,python3-venv,python3-pip,python-is-python3,ca-certificates,passwd"
_AUTHORITIES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_KEYS: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_PIP_FOLDER: Final = "/etc/xdg/pip"
_PIP_SETTINGS: Final = ("index-url", "extra-index-url", "find-links", "trusted-host", "proxy", "timeout", "retries")
_PROBE_FILE: Final = f"""
FROM {BASE}
RUN python -c "import sys; sys.exit(sys.version_info < (3, 11) and 'its Python is too old')"
RUN python -m pip download --quiet --disable-pip-version-check --no-deps --dest /tmp/probe tzdata
"""


class CannotBeTried(Exception):
    """This machine cannot build or run any image; the text says what it could not do."""


class Failed(AssertionError):
    """A command failed; the text is all it said."""

    @property
    def last_line(self) -> str:
        """The last thing it said."""
        return (str(self).splitlines() or [""])[-1]


def run(*command: str | Path, timeout: float = 600) -> str:
    """Run a command to its end; what it wrote to stdout. Raises Failed, also where it takes longer than `timeout`
    seconds."""
    said = " ".join(map(str, command))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=ROOT, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"{said}: not done in {timeout:g} s") from None
    if done.returncode != 0:
        raise Failed(f"{said}: {done.returncode}\n{done.stdout}\n{done.stderr}".rstrip())
    return done.stdout


def make_base(folder: Path) -> None:
    """Make the stand-in in `folder`, and build something else on it. Raises CannotBeTried."""
    if os.geteuid() != 0:
        raise CannotBeTried("it takes root")
    if absent := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        raise CannotBeTried(f"not installed: {', '.join(absent)} (apt install)")
    system = folder / "system.tar"
    doing = "no Debian could be made"
    try:
        run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}", *_apt_options(folder),
            _release(), system, *_mirrors(), timeout=400)  # fmt: skip
        doing = "no image could be made of a Debian"
        run("buildah", "from", "--name", _CONTAINER, "scratch")
        run("buildah", "add", "--quiet", _CONTAINER, system, "/")
        run("buildah", "commit", "--quiet", _CONTAINER, BASE)
        doing = "nothing could be run in a build, or pip reached no packages there"
        (folder / "Dockerfile").write_text(_PROBE_FILE, encoding="utf-8")
        _build(folder, "--file", str(folder / "Dockerfile"), "--tag", _PROBE)
    except Failed as failed:
        raise CannotBeTried(f"{doing}: {failed.last_line}") from failed
    finally:
        system.unlink(missing_ok=True)


def build(folder: Path) -> None:
    """Build the Dockerfile on the stand-in. Raises Failed."""
    _build(folder, "--build-arg", f"BASE={BASE}", "--tag", IMAGE)


def remove() -> None:
    """Remove whatever was made of it."""
    if shutil.which("buildah") is None:
        return
    for command in (["rm", _CONTAINER], *(["rmi", "--force", image] for image in (IMAGE, _PROBE, BASE))):
        subprocess.run(["buildah", *command], capture_output=True, check=False)


def _build(folder: Path, *options: str) -> None:
    run("buildah", "bud", "--pull-never", "--no-cache", "--force-rm", "--isolation", "chroot", "--network", "host",
        _pip_mount(folder / "pip"), *options, ".")  # fmt: skip


def _pip_mount(folder: Path) -> str:
    """The option that shows a build this machine's pip settings and the authorities it trusts, gathered in `folder`.

    Places on this machine's own disk are left out: a build does not see them.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    settings = {"cert": str(_AUTHORITIES)} if _AUTHORITIES.exists() else {}
    listed = run(sys.executable, "-m", "pip", "config", "list").splitlines()
    for origin in ("global.", "install.", ":env:."):  # the later goes before
        for name, _, value in (line.removeprefix(origin).partition("=") for line in listed if line.startswith(origin)):
            settings[name.replace("default-timeout", "timeout")] = ast.literal_eval(value)
    lines = ["[global]"]
    for name in settings.keys() & {"cert", "client-cert"}:
        shutil.copy(settings[name], folder / f"{name}.pem")
        lines.append(f"{name} = {_PIP_FOLDER}/{name}.pem")
    for name in settings.keys() & set(_PIP_SETTINGS):
        values = [value for value in settings[name].split() if not value.startswith(("/", ".", "file:"))]
        lines += [f"{name} = {' '.join(values)}"] if values else []
    (folder / "pip.conf").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return f"--volume={folder}:{_PIP_FOLDER}:ro"


def _release() -> str:
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    known = dict(line.split("=", 1) for line in lines if "=" in line)
    return known.get("VERSION_CODENAME", "bookworm").strip('"')


def _mirrors() -> list[str]:
    """Where this machine's apt has its Debian from; nothing, for the usual place, where apt does not say."""
    line = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)|$(ORIGIN)"
    said = subprocess.run(
        ["apt-get", "indextargets", "--format", line, "Created-By: Packages"],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    found = [line.removesuffix("|Debian") for line in said.splitlines() if line.endswith("|Debian")]
    return sorted(set(found)) if any(f" {_release()} main" in line for line in found) else []


def _apt_options(folder: Path) -> list[str]:
    """How this machine's apt reaches them: its proxies and the like; it gives up early."""
    said = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    lines = re.findall(r"^Acquire::(?:http|https|Check-Valid-Until|Check-Date|ForceIPv[46])\b.*$", said, re.MULTILINE)
    options = folder / "apt.conf"
    options.write_text("\n".join([*lines, 'Acquire::http::Timeout "20";', 'Acquire::Retries "2";', ""]))
    return [f"--aptopt={options}", *([f"--keyring={_KEYS}"] if _KEYS.exists() else [])]
