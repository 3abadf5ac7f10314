from __future__ import annotations

import socket

import pytest

from relay.demo import throwaway
from relay.demo.throwaway import free_port


def test_a_port_on_which_somebody_listens_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given two ports of which one is taken
    first = free_port()
    monkeypatch.setattr(throwaway, "_PORTS", range(first, first + 2))
    with socket.create_server(("127.0.0.1", first)):
        # When one is asked for, then it is the other, and without that none
        assert free_port() == first + 1
        with socket.create_server(("127.0.0.1", first + 1)), pytest.raises(OSError, match="no port is free from"):
            free_port()
