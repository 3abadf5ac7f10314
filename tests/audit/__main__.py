"""Installs what the image has into an environment of its own, lists it as CycloneDX, and asks who knows of holes in it.

Exit codes: 0 nothing is known, 1 something is, 3 nobody could be asked: then nothing was audited, which is said aloud.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.audit.judge import AUDITED, Judgement, judge

ROOT: Final = Path(__file__).parents[2]
SBOM: Final = ROOT / "dist" / "sbom.json"
EXTRAS: Final = "mysql,pkcs12,console,documents"  # what a site may have installed, but for drivers of others
SERVICES: Final = ("pypi", "osv")  # whom pip-audit can ask; the second where the first knows nothing


def main() -> int:
    """Do it; the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        tools, audited = Path(folder, "tools"), Path(folder, "audited")
        _install(tools, "cyclonedx-bom", "pip-audit")
        _install(audited, f"{ROOT}[{EXTRAS}]")
        SBOM.parent.mkdir(exist_ok=True)
        command = [str(tools / "bin" / "cyclonedx-py"), "environment", "--pyproject", "pyproject.toml"]
        command += ["--output-reproducible", "--of", "JSON", "-o", str(SBOM), str(audited)]
        subprocess.run(command, cwd=ROOT, check=True)
        print(f"{SBOM.relative_to(ROOT)}: {len(json.loads(SBOM.read_text())['components'])} components (CycloneDX)")
        (site,) = audited.glob("lib/python*/site-packages")
        found = Judgement(3, "")
        for service in SERVICES:
            found = judge(_asked(tools, site, service))
            if found.code in AUDITED:
                break
    print(found.text)
    return found.code


def _install(folder: Path, *what: str) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder), "install", "--quiet", "--disable-pip-version-check"]
    command = [*pip, "--no-compile", "-c", str(ROOT / "constraints.txt"), *what]
    subprocess.run(command, cwd=folder, check=True)  # not here, where a build may have left its own records


def _asked(tools: Path, site: Path, service: str) -> Any:
    """What pip-audit says of the packages in a folder; None where it could not ask."""
    command = [str(tools / "bin" / "pip-audit"), "--path", str(site), "--vulnerability-service", service]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "15"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError:
        return None


sys.exit(main())
