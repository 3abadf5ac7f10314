"""What kombu is told of the broker."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from relay.broker.address import PasswordFile, address_of, connection_to, refuse_cluster
from relay.demo.valkey import Valkey
from relay.settings import Settings, parse


def settings(broker_url: str, **said: object) -> Settings:
    return parse(
        {
            "environment": "production",
            "database_url": "sqlite:///relay.db",
            "broker_url": broker_url,
            "engagement_index": {"national": {"url": "http://localhost/", "logical_address": "5565594230"}},
            "source": [
                {"name": "s", "source_systems": ["SE1"], "data_controller": "SE2", "engagement_index": "national"}
            ],
        }
        | said
    )


def test_every_sentinel_is_told_the_account_and_the_database_of_the_servers() -> None:
    """Whichever of them is asked after a failure."""
    told = address_of(
        settings(
            "rediss+sentinel://relay:p%40ss@one:1;rediss+sentinel://two:2/3?ssl_ca_certs=/ca.crt",
            broker_sentinel_master="ei", broker_sentinel_user="watcher", broker_sentinel_password="other",
        )
    )  # fmt: skip
    assert told.url == "sentinel://relay:p%40ss@one:1/3;sentinel://relay:p%40ss@two:2/3"
    assert told.tls == {"ssl_cert_reqs": "required", "ssl_ca_certs": "/ca.crt"}
    asked = told.options["sentinel_kwargs"]
    assert told.options["master_name"] == "ei"
    assert (asked["username"], asked["password"], asked["ssl"], asked["ssl_cert_reqs"]) == (
        "watcher", "other", True, "required",
    )  # fmt: skip
    assert asked["socket_timeout"] == 10
    assert "p%40ss" not in repr(told)
    assert "other" not in repr(told)


def test_a_password_in_a_file_is_read_at_each_connection(tmp_path: Path) -> None:
    """A new one needs no restart."""
    file = tmp_path / "password"
    with Valkey() as valkey:
        chosen = settings(valkey.url, broker_password_file=str(file))
        for password in ("first", "second"):
            with redis.Redis(port=valkey.port, password="first" if password == "second" else None) as administrator:
                administrator.config_set("requirepass", password)
            with pytest.raises((redis.AuthenticationError, OSError)), connection_to(chosen) as connection:
                connection.channel()
            file.write_text(f"{password}\n")
            with connection_to(chosen) as connection:
                assert connection.channel().client.ping()
    assert PasswordFile("relay", file).get_credentials() == ("relay", "second")


@pytest.mark.parametrize("enabled", [0, 1])
def test_a_cluster_is_refused(enabled: int) -> None:
    class Server(redis.Redis):
        def info(self, *_sections: str, **_options: object) -> dict[str, int]:
            return {"cluster_enabled": enabled}

    if enabled:
        with pytest.raises(ValueError, match="name one server, or Sentinels"):
            refuse_cluster(Server())
    else:
        refuse_cluster(Server())
