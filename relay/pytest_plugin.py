"""pytest's plugin, which comes with the package: two fixtures, and `--ei-relay`. It is inert until one is used.

ei_index    an empty index to practise on, for this test
ei_relay    makes relays for this test, each of which reads an outbox: ei_relay(outbox_url="postgresql+psycopg://…")

`pytest --ei-relay` serves one index for the whole run instead, emptied before each test that uses it, and says where:
to whatever is started beside the tests, in EI_RELAY_PRACTICE_URL. `--ei-relay=PORT` chooses its port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:  # loaded when they are used: every run of pytest loads this module
    from relay.testing import PracticeIndex, PracticeRelay

VARIABLE: Final = "EI_RELAY_PRACTICE_URL"
_KEY: Final = pytest.StashKey["PracticeIndex"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know the option."""
    parser.getgroup("ei-relay").addoption(
        "--ei-relay", metavar="PORT", nargs="?", const=0, type=int, default=None,
        help=f"serve one Engagemangsindex to practise on for the whole run, and name its address in {VARIABLE}",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Serve the index of the whole run, where one was asked for."""
    port = config.getoption("--ei-relay")
    if port is None:
        return
    from relay.testing import PracticeIndex

    try:
        index = PracticeIndex(port)
    except OSError as error:
        raise pytest.UsageError(f"--ei-relay: port {port} cannot be served: {error.strerror}") from None
    config.stash[_KEY] = index.__enter__()
    config.add_cleanup(index.sandbox.stop)
    named = pytest.MonkeyPatch()
    named.setenv(VARIABLE, index.update_url)
    config.add_cleanup(named.undo)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Where the index of the whole run is."""
    index = config.stash.get(_KEY, None)
    return [] if index is None else [f"ei-relay: an index to practise on at {index.url}/, calls to {index.update_url}"]


@pytest.fixture
def ei_index(request: pytest.FixtureRequest) -> Iterator[PracticeIndex]:
    """An empty index to practise on: `ei_index.holds(Post(…), …)` asserts that it holds exactly these posts."""
    if (shared := request.config.stash.get(_KEY, None)) is not None:
        shared.reset()
        yield shared
        return
    from relay.testing import PracticeIndex

    with PracticeIndex() as index:
        yield index


@pytest.fixture
def ei_relay(
    ei_index: PracticeIndex, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., PracticeRelay]]:
    """Makes a relay from an outbox to `ei_index`; its `settle()` does all there is to do. See PracticeRelay."""
    from relay.testing import PracticeRelay

    with ExitStack() as stack:

        def make(outbox_url: str = "", **source: Any) -> PracticeRelay:
            folder: Path = tmp_path_factory.mktemp("ei-relay")
            return stack.enter_context(PracticeRelay(ei_index, folder, outbox_url, **source))

        yield make
