"""Servers kept by Sentinel: one that is written to and one that copies it, and three Sentinels, all with passwords."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Final, Self

import redis

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


class Sentinels:
    """`close` ends everything; `folder` gets the files that Sentinels write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self.servers = [free_port() for _ in range(2)]
        self.sentinels = [free_port() for _ in range(3)]

    @property
    def url(self) -> str:
        """The broker URL: the account of the servers, and the Sentinels."""
        first, *others = self.sentinels
        account = f"{ACCOUNT}:{PASSWORD.replace(' ', '%20')}"
        hosts = [f"{account}@127.0.0.1:{first}", *(f"127.0.0.1:{port}" for port in others)]
        return ";".join(f"sentinel://{host}" for host in hosts) + "/0"

    def start(self) -> Self:
        """Start them, and wait until the Sentinels know each other and the copy."""
        for port in self.servers:
            self._start_server(port)
        self.server(self.servers[1]).replicaof("127.0.0.1", str(self.servers[0]))
        for port in self.sentinels:
            file = self._folder / f"sentinel-{port}.conf"
            file.write_text(
                f"port {port}\nbind 127.0.0.1\ndir {self._folder}\nrequirepass \"{SENTINEL_PASSWORD}\"\n"
                f"sentinel monitor {MASTER} 127.0.0.1 {self.servers[0]} 2\n"
                f"sentinel auth-pass {MASTER} \"{PASSWORD}\"\nsentinel sentinel-pass \"{SENTINEL_PASSWORD}\"\n"
                f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}\nsentinel failover-timeout {MASTER} 5000\n"
            )  # fmt: skip
            self._run(port, [str(file), "--sentinel"])
        wait_until(self._know_each_other, "Sentinels that know each other")
        return self

    def server(self, port: int) -> redis.Redis:
        """A client of one of the servers, as its administrator."""
        return redis.Redis(port=port, password=PASSWORD)

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
        self._run(port, ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", "",
                         "--appendonly", "no", "--requirepass", PASSWORD, "--masterauth", PASSWORD,
                         "--repl-diskless-load", "flush-before-load"])  # fmt: skip
        rights = RIGHTS.split()
        self.server(port).execute_command("ACL", "SETUSER", ACCOUNT, "on", f">{PASSWORD}", "~*", "&*", "-@all", *rights)

    def _run(self, port: int, arguments: list[str]) -> None:
        quiet = subprocess.DEVNULL
        self._processes[port] = subprocess.Popen(
            [find_binary(), *arguments], stdout=quiet, stderr=quiet, start_new_session=True
        )
        wait_until(lambda: self._answers(port), "a server that answers")

    def _answers(self, port: int) -> bool:
        try:
            return bool((self._sentinel if port in self.sentinels else self.server)(port).ping())
        except redis.RedisError:
            return False

    def _sentinel(self, port: int) -> redis.Redis:
        return redis.Redis(port=port, password=SENTINEL_PASSWORD, decode_responses=True)

    def _know_each_other(self) -> bool:
        states = [self._sentinel(port).sentinel_master(MASTER) for port in self.sentinels]
        return all(s["num-other-sentinels"] == 2 and s["num-slaves"] == 1 for s in states)
