"""The dashboard's panels as its generator makes them, and their queries as Grafana sends them."""

from __future__ import annotations

import importlib.util
import re
from typing import Any, Final

import pytest

from tests.monitoring.conftest import CONFIG

LAYOUT: Final = CONFIG / "grafana"


def _generator() -> Any:
    spec = importlib.util.spec_from_file_location("dashboard_generator", LAYOUT / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(LAYOUT)  # where a script finds its neighbours
        spec.loader.exec_module(module)
    return module


generator: Final = _generator()
PANELS: Final[list[dict[str, Any]]] = [panel for panel in generator.dashboard()["panels"] if panel["type"] != "row"]

EMPTY_WHEN_WELL: Final = {
    "Which alerts", "Lanes blocked since", "Parked by code", "Failed calls by code", "Broker",
    "Client certificates end in", "Certificates that cannot be read", "Full lists", "The index, read back",
    "Messages dropped", "Acceptances in files", "How long the index takes", "Sent again",
}  # fmt: skip
"""Panels, and single queries of panels by their legends, that may show nothing over a relay that is well, has no broker
and calls without a certificate.
"""


def asked(expr: str, interval: str = "5s") -> str:
    """The query as Grafana sends it, with all sources and indexes chosen."""
    expr = re.sub(r"\$__(rate_interval|interval|range)\b", interval, expr)
    return re.sub(r"\$(source|index)\b", ".*", expr)
