"""`ei-relay sandbox`: where it cannot serve, a sentence says why."""

from __future__ import annotations

import socket
import subprocess
import sys


def test_a_port_that_is_taken_is_told_of_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "relay", "sandbox", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, f"Error: 127.0.0.1:{port} cannot be served: Address already in use\n")
