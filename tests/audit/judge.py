"""What an answer of pip-audit is worth. It calls an audit clean in which no package was known to whoever it asked."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

CLEAN, VULNERABLE, UNASKED = 0, 1, 3
AUDITED: Final = (CLEAN, VULNERABLE)
OURS: Final = {"ei-relay", "pip", "setuptools"}  # on no index, and what only installs


class Judgement(NamedTuple):
    """An exit code, and what is said."""

    code: int
    text: str


def judge(answer: Any) -> Judgement:
    """Judge the JSON of `pip-audit --format json`; None: it gave none."""
    packages = [each for each in (answer or {}).get("dependencies", ()) if each["name"] not in OURS]
    asked = [each for each in packages if "skip_reason" not in each]
    holes = [(each, hole) for each in asked for hole in each["vulns"]]
    if holes:
        lines = [
            f"  {each['name']} {each['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'none'}"
            for each, hole in holes
        ]
        return Judgement(VULNERABLE, "\n".join([f"{len(holes)} known vulnerabilities:", *lines]))
    if not packages or len(asked) < len(packages):
        missing = f"{len(packages) - len(asked)} of {len(packages)} packages" if packages else "any package"
        return Judgement(
            UNASKED, f"!!! NOT audited: the service for vulnerabilities could not be asked about {missing}"
        )
    return Judgement(CLEAN, f"no known vulnerability in {len(asked)} packages")
