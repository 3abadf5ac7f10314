"""What the chart's tests share: the chart, rendered by Helm itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helm.values import CHART, EVERYTHING, LEAST, NOTHING, OTHERWISE, of_the_docs

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.helm)


@pytest.fixture(scope="session")
def helm() -> Any:
    """Helm as a library; without it the test is skipped, and the run says so."""
    return pytest.importorskip("helm_python", reason="the extra `helm` is not installed: the chart is NOT tested")


@pytest.fixture(scope="session")
def chart(helm: Any) -> Iterator[Any]:
    """The chart, loaded."""
    with helm.Chart.load(CHART) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def render(chart: Any) -> Render:
    """Renders the chart with values: every manifest, in no order."""
    import yaml

    def rendered(values: dict[str, Any], name: str = "nord") -> list[Manifest]:
        texts = chart.render(values, name=name, namespace="ei")
        parts = [text for path, text in texts.items() if not path.endswith("NOTES.txt")]
        return [manifest for text in parts for manifest in yaml.load_all(text, Strict) if manifest]

    class Strict(yaml.SafeLoader):
        """Refuses a key that comes twice, as a strict reader in a cluster does."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            keys = [self.construct_object(key) for key, _ in node.value]
            assert len(keys) == len(set(keys)), f"a key twice in {keys}"
            return super().construct_mapping(node, deep)

    return rendered


@pytest.fixture(params=["least", "everything", "nothing", "otherwise", "docs"])
def values(request: pytest.FixtureRequest, helm: Any) -> dict[str, Any]:
    """Each value set in turn."""
    if request.param == "docs":
        documented: dict[str, Any] = helm.values_from_yaml(of_the_docs())
        return documented
    return {"least": LEAST, "everything": EVERYTHING, "nothing": NOTHING, "otherwise": OTHERWISE}[request.param]


@pytest.fixture
def manifests(render: Render, values: dict[str, Any]) -> list[Manifest]:
    """What each value set renders to."""
    return render(values)


def pod_of(manifest: Manifest) -> Manifest:
    """The pod spec of a Deployment, a Job or a pod."""
    spec: Manifest = manifest["spec"] if manifest["kind"] == "Pod" else manifest["spec"]["template"]["spec"]
    return spec


def with_pods(manifests: list[Manifest]) -> list[Manifest]:
    """Those manifests that make pods."""
    return [each for each in manifests if each["kind"] in ("Deployment", "Job", "Pod")]


def only(manifests: list[Manifest], kind: str, ending: str = "") -> Manifest:
    """The one manifest of a kind whose name ends so."""
    (found,) = [m for m in manifests if m["kind"] == kind and m["metadata"]["name"].endswith(ending)]
    return found
