"""Servers kept by Sentinel: one that is written to and one that copies it, and three Sentinels, all with passwords."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, Final, Self

import redis
import trustme

from relay.demo.throwaway import free_port
from relay.demo.valkey import find_binary
from tests.waiting import wait_until

MASTER: Final = "ei-broker"
PASSWORD: Final = "of the servers"
SENTINEL_PASSWORD: Final = "of the sentinels"
ACCOUNT: Final = "relay"
DOWN_AFTER_MS: Final = 5000  # longer than a busy machine stands still: who is taken for dead is
# What docs/sites.md tells an administrator to allow: all that workers and beat ask of a server.
RIGHTS: Final = (
    "+ping +auth +hello +select +client|setinfo +client|setname +info +role +brpop +lpush +lrem +llen +sadd +smembers"
    " +hset +hget +hdel +zadd +zrem +zrange +zrevrangebyscore +set +get +del +eval +evalsha +script|load"
    " +multi +exec +watch +unwatch +discard"
)


def encrypting() -> str | None:
    """Redis with TLS: Debian's, of the package redis-server; None where it is not installed."""
    return shutil.which("redis-server")


class Sentinels:
    """`close` ends everything; `folder` gets the files that Sentinels write. With an authority all of it is encrypted,
    by Debian's Redis, since the Valkey of the wheel has no TLS; `ca.pem` in the folder is what clients are to trust."""

    def __init__(self, folder: Path, authority: trustme.CA | None = None) -> None:
        self._folder, self._encrypted = folder, authority is not None
        self._tls: dict[str, str] = {}  # the servers' settings
        if authority is not None:
            authority.cert_pem.write_to_path(str(folder / "ca.pem"))
            authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
            files = {"cert-file": "server.pem", "key-file": "server.pem", "ca-cert-file": "ca.pem"}
            self._tls = {f"tls-{name}": str(folder / file) for name, file in files.items()}
            self._tls |= {"tls-auth-clients": "no", "tls-replication": "yes", "port": "0"}
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self.servers = [free_port() for _ in range(2)]
        self.sentinels = [free_port() for _ in range(3)]

    @property
    def url(self) -> str:
        """The broker URL: the account of the servers, and the Sentinels."""
        first, *others = self.sentinels
        account = f"{ACCOUNT}:{PASSWORD.replace(' ', '%20')}"
        hosts = [f"{account}@127.0.0.1:{first}", *(f"127.0.0.1:{port}" for port in others)]
        if self._encrypted:
            return ";".join(f"rediss+sentinel://{host}" for host in hosts) + f"/0?ssl_ca_certs={self._folder}/ca.pem"
        return ";".join(f"sentinel://{host}" for host in hosts) + "/0"

    def start(self) -> Self:
        """Start them, and wait until the Sentinels know each other and the copy."""
        for port in self.servers:
            self._start_server(port)
        self.server(self.servers[1]).replicaof("127.0.0.1", str(self.servers[0]))
        for port in self.sentinels:
            file = self._folder / f"sentinel-{port}.conf"
            listening = {"tls-port": str(port)} | self._tls if self._encrypted else {"port": str(port)}
            file.write_text(
                "".join(f"{name} {value}\n" for name, value in listening.items()) +
                f"bind 127.0.0.1\ndir {self._folder}\nrequirepass \"{SENTINEL_PASSWORD}\"\n"
                f"sentinel monitor {MASTER} 127.0.0.1 {self.servers[0]} 2\n"
                f"sentinel auth-pass {MASTER} \"{PASSWORD}\"\nsentinel sentinel-pass \"{SENTINEL_PASSWORD}\"\n"
                f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}\nsentinel failover-timeout {MASTER} 5000\n"
            )  # fmt: skip
            self._run(port, [str(file), "--sentinel"])
        wait_until(self._know_each_other, "Sentinels that know each other")
        return self

    def server(self, port: int) -> redis.Redis:
        """A client of one of the servers, as its administrator."""
        return redis.Redis(port=port, password=PASSWORD, **self._trust())

    def first(self) -> int:
        """The port of the server that is written to now."""
        found = self._sentinel(self.sentinels[0]).sentinel_get_master_addr_by_name(MASTER)
        return int(found[1])

    def kill(self, port: int) -> None:
        """A server dies."""
        self._processes[port].send_signal(signal.SIGKILL)
        self._processes[port].wait(10)

    def revive(self, port: int) -> None:
        """A server that died comes back; Sentinel makes it a copy of the other one."""
        self._start_server(port)

    def has_a_copy(self) -> bool:
        """Whether the server that is written to has one that could take over."""
        try:
            copy = self.server(self.first()).info("replication").get("slave0")
            return bool(copy) and copy["state"] == "online"
        except redis.RedisError:
            return False

    def close(self) -> None:
        """End them all."""
        for process in self._processes.values():
            process.kill()
            process.wait(10)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_server(self, port: int) -> None:
        listening = {"tls-port": str(port)} | self._tls if self._encrypted else {"port": str(port)}
        told = [part for name, value in listening.items() for part in (f"--{name}", value)]
        self._run(port, [*told, "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", "",
                         "--appendonly", "no", "--requirepass", PASSWORD, "--masterauth", PASSWORD,
                         "--repl-diskless-load", "swapdb"])  # fmt: skip
        rights = [right for right in RIGHTS.split() if not (self._encrypted and right == "+client|setinfo")]  # of 7.2
        self.server(port).execute_command("ACL", "SETUSER", ACCOUNT, "on", f">{PASSWORD}", "~*", "&*", "-@all", *rights)

    def _run(self, port: int, arguments: list[str]) -> None:
        quiet = subprocess.DEVNULL
        self._processes[port] = subprocess.Popen(
            [str(encrypting()) if self._encrypted else find_binary(), *arguments],
            stdout=quiet,
            stderr=quiet,
            start_new_session=True,
        )
        wait_until(lambda: self._answers(port), "a server that answers")

    def _answers(self, port: int) -> bool:
        try:
            return bool((self._sentinel if port in self.sentinels else self.server)(port).ping())
        except redis.RedisError:
            return False

    def _sentinel(self, port: int) -> redis.Redis:
        return redis.Redis(port=port, password=SENTINEL_PASSWORD, decode_responses=True, **self._trust())

    def _trust(self) -> dict[str, Any]:
        if not self._encrypted:
            return {}
        return {"host": "127.0.0.1", "ssl": True, "ssl_ca_certs": str(self._folder / "ca.pem")}

    def _know_each_other(self) -> bool:
        states = [self._sentinel(port).sentinel_master(MASTER) for port in self.sentinels]
        return all(s["num-other-sentinels"] == 2 and s["num-slaves"] == 1 for s in states)
