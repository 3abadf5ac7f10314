"""The table: all zeros but the first three lines, and what follows of seconds and of an innocent's pace."""

from __future__ import annotations

import json
from statistics import median
from typing import Final

from tests.chaos.day import Findings
from tests.chaos.judge import OF_THE_GAP

_EXAMPLES: Final = 8  # of each kind of break that are printed above the table


def zeros(found: Findings) -> dict[str, int]:
    """What must be nought. The gap's line may be one, and is not among them."""
    breaks = found.judgement.breaks
    return {
        "lost": len(found.lost),
        "ghosts": len(found.ghosts),
        "wrong": len(found.wrong),
        "parallel calls": breaks["parallel calls"],
        "spacing breaks": breaks["spacing breaks"],
        "pause breaks": breaks["pause breaks"],
        "other breaks": breaks["other breaks"],
        "calls in the silence after": found.calls_in_silence,
        "never recovered": len(found.never_recovered) + (found.rested_after is None),
        "processes that died": len(found.died),
    }


def is_well(found: Findings) -> bool:
    """Whether the day went as promised."""
    return not any(zeros(found).values()) and found.judgement.of_the_gap <= 1


def table(found: Findings) -> str:
    """The table, and above it examples of whatever is not nought."""
    bad = [*found.lost[:_EXAMPLES], *found.ghosts[:_EXAMPLES], *found.wrong[:_EXAMPLES], *found.died]
    lines = [f"! {example}" for example in bad]
    lines += [f"! {json.dumps(example, ensure_ascii=False)}" for example in found.judgement.examples[:_EXAMPLES]]
    lines += ["", f"{'rows':42}{found.rows:8}", f"{'calls':42}{found.calls:8}", f"{'kills':42}{found.kills.total():8}"]
    lines += [f"  {name:40}{number:8}" for name, number in sorted(found.kills.items())]
    lines += [f"{name:42}{number:8}" for name, number in zeros(found).items()]
    lines += [f"{OF_THE_GAP:42}{found.judgement.of_the_gap:8}"]
    lines += ["", f"{'recovery, seconds after the end of':42}{'times':>8}{'median':>8}{'max':>8}"]
    for name, seconds in sorted(found.recovery.items()):
        lines.append(f"  {name:40}{len(seconds):8}{median(seconds):8.1f}{max(seconds):8.1f}")
    if found.alone is not None:
        lines += ["", f"{'delay of an innocent without trouble, s':42}{'':8}{found.alone:8.1f}"]
        lines += ["and how many times that while others have trouble"]
        lines += [f"  {name:48}{times:8.1f}" for name, times in sorted(found.slowdowns.items(), key=lambda s: -s[1])]
        worst = max(found.slowdowns.values(), default=None)
        lines += [f"{'worst slowdown of an innocent source':50}{'none' if worst is None else f'{worst:.1f}':>8}", ""]
    if found.rested_after is not None:
        lines.append(f"  {'everything: at rest':40}{1:8}{found.rested_after:8.1f}{found.rested_after:8.1f}")
    return "\n".join(lines)
