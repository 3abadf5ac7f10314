"""What the work could not do with the broker, the check refuses: on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from relay.demo.throwaway import free_port
from relay.demo.valkey import Valkey
from relay.report.probe import Verdict, ping_broker
from tests.cli.probing import settings_for, verdict_on
from tests.integration.sentinels import RIGHTS
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


def broker(valkey: Valkey, tmp_path: Path, account: str = "") -> Verdict:
    url = valkey.url.replace("//", f"//{account}@") if account else valkey.url
    return verdict_on("broker_url", settings_for(tmp_path, broker_url=url))


def test_a_broker_carries_a_message_and_keeps_nothing_of_it(valkey: Valkey, tmp_path: Path) -> None:
    outcome = broker(valkey, tmp_path)

    assert outcome.ok, outcome
    assert (outcome.account, outcome.warnings) == ("default", ())
    assert {"a message was sent and received", "maxmemory-policy noeviction"} <= {*outcome.tried}
    assert redis.Redis(port=valkey.port).keys("*ei-relay-check*") == []


def test_the_account_of_the_guide_is_enough(valkey: Valkey, tmp_path: Path) -> None:
    administrator = redis.Redis(port=valkey.port)
    administrator.execute_command("ACL", "SETUSER", "guide", "on", ">x", "~*", "&*", "-@all", *RIGHTS.split())

    assert broker(valkey, tmp_path, "guide:x").ok


@pytest.mark.parametrize("command", ["lrem", "brpop", "zadd", "del", "multi", "eval"])
def test_a_command_that_the_account_may_not_give_is_named(valkey: Valkey, tmp_path: Path, command: str) -> None:
    rights = [each for each in RIGHTS.split() if each != f"+{command}"]
    administrator = redis.Redis(port=valkey.port)
    administrator.execute_command("ACL", "SETUSER", f"no-{command}", "on", ">x", "~*", "&*", "-@all", *rights)

    outcome = broker(valkey, tmp_path, f"no-{command}:x")

    assert not outcome.ok
    assert f"ACL SETUSER no-{command} +{command}" in outcome.text


@pytest.mark.parametrize(("policy", "ok"), [("allkeys-lru", False), ("volatile-lru", True)])
def test_a_broker_that_throws_away_when_its_memory_is_full(
    valkey: Valkey, tmp_path: Path, policy: str, ok: bool
) -> None:
    administrator = redis.Redis(port=valkey.port)
    administrator.config_set("maxmemory-policy", policy)
    try:
        outcome = broker(valkey, tmp_path)
    finally:
        administrator.config_set("maxmemory-policy", "noeviction")

    assert outcome.ok is ok
    assert "noeviction" in " ".join([outcome.text, *outcome.warnings])


def test_a_policy_that_cannot_be_read_is_warned_of(valkey: Valkey, tmp_path: Path) -> None:
    rights = [each for each in RIGHTS.split() if each != "+info"]
    administrator = redis.Redis(port=valkey.port)
    administrator.execute_command("ACL", "SETUSER", "blind", "on", ">x", "~*", "&*", "-@all", *rights)

    outcome = broker(valkey, tmp_path, "blind:x")

    assert outcome.ok, outcome
    assert any("maxmemory-policy cannot be read" in warning for warning in outcome.warnings)


def test_a_broker_without_memory_and_one_that_is_a_replica(valkey: Valkey, tmp_path: Path) -> None:
    administrator = redis.Redis(port=valkey.port)
    administrator.config_set("maxmemory", "1")
    try:
        full = broker(valkey, tmp_path)
    finally:
        administrator.config_set("maxmemory", "0")
    administrator.replicaof("127.0.0.1", "1")
    try:
        replica = broker(valkey, tmp_path)
    finally:
        administrator.replicaof("NO", "ONE")

    assert (full.ok, replica.ok) == (False, False)
    assert "raise maxmemory" in full.text
    assert "replica" in replica.text


def test_a_broker_that_refuses_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given nobody at the broker's port, when `status` asks it, then kombu does not sleep before it tries once more
    slept: list[float] = []
    monkeypatch.setattr("kombu.utils.functional.sleep", slept.append)
    settings = settings_for(tmp_path, broker_url=f"redis://127.0.0.1:{free_port()}")

    with pytest.raises(redis.ConnectionError):
        ping_broker(settings)

    assert sum(slept) == 0


def test_a_broker_that_cannot_write_to_its_disk(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    with Valkey("--dir", str(tmp_path / "gone")) as valkey:
        administrator = redis.Redis(port=valkey.port)
        administrator.config_set("save", "3600 1000000")
        (tmp_path / "gone").rmdir()
        administrator.bgsave()
        wait_until(lambda: administrator.info("persistence")["rdb_last_bgsave_status"] == "err", "a save that fails")

        outcome = broker(valkey, tmp_path)

        assert not outcome.ok
        assert "MISCONF" in outcome.text
        assert outcome.text.endswith("the relay needs no persistence, CONFIG SET save ''")
        administrator.config_set("save", "")
        assert broker(valkey, tmp_path).ok


def test_a_broker_that_is_a_cluster(tmp_path: Path) -> None:
    with Valkey("--cluster-enabled", "yes", "--dir", str(tmp_path)) as valkey:
        outcome = broker(valkey, tmp_path)

    assert not outcome.ok
    assert "name one server, or Sentinels" in outcome.text
