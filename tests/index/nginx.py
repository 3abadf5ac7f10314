"""nginx in front of an index, as platforms run it: it ends TLS and demands a client certificate.

A plain process of the test's own, with its own folder and a free port; the system's nginx is not touched.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Self

import pytest
import trustme

from relay.demo.throwaway import comes_to_answer, free_port
from tests.waiting import PATIENCE, wait_until

BINARY = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
NEEDS_NGINX = [
    pytest.mark.nginx,
    pytest.mark.skipif(BINARY is None, reason="there is no nginx here: apt-get install nginx-light"),
]

_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 64; }}
http {{
    log_format who '$ssl_client_serial $status';
    access_log {folder}/access.log who;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_protocols {protocols};
        ssl_certificate {folder}/server.crt;
        ssl_certificate_key {folder}/server.key;
        ssl_client_certificate {folder}/clients.crt;
        ssl_verify_client on;
        location / {{ proxy_pass {behind}; }}
    }}
}}
"""


class Nginx:
    """Ends mutual TLS in front of `behind` (scheme, host and port), with the certificate `issued`."""

    def __init__(
        self,
        folder: Path,
        behind: str,
        clients: trustme.CA,
        issued: trustme.LeafCert,
        protocols: str = "TLSv1.2 TLSv1.3",
    ) -> None:
        folder.mkdir()
        self.port = free_port()
        self._folder = folder
        issued.cert_chain_pems[0].write_to_path(str(folder / "server.crt"))
        issued.private_key_pem.write_to_path(str(folder / "server.key"))
        clients.cert_pem.write_to_path(str(folder / "clients.crt"))
        self._configuration = folder / "nginx.conf"
        self._configuration.write_text(
            _CONFIGURATION.format(folder=folder, port=self.port, protocols=protocols, behind=behind)
        )

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def seen(self, number: int) -> list[tuple[int, int]]:
        """Of the first `number` requests: (serial number of the client's certificate or 0, status)."""
        # a line is written once its answer has left
        wait_until(lambda: len(self._lines()) >= number, lambda: f"{number} requests seen; {self._words()}")
        return [(int(serial.replace("-", "0"), 16), int(status)) for serial, status in map(str.split, self._lines())]

    def __enter__(self) -> Self:
        assert BINARY is not None
        command = [
            BINARY,
            "-p",
            str(self._folder),
            "-e",
            str(self._folder / "error.log"),
            "-c",
            str(self._configuration),
        ]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            assert comes_to_answer(self._process, self._listens, PATIENCE), f"nginx does not listen; {self._words()}"
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._end()

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def _end(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def _lines(self) -> list[str]:
        log = self._folder / "access.log"
        return log.read_text().splitlines() if log.exists() else []

    def _words(self) -> str:
        log = self._folder / "error.log"
        return f"it says: {log.read_text()}" if log.exists() else "it says nothing"
