"""What steps on both kinds of database share with the store's tests, and with those of TLS."""

from tests.index.conftest import authority, sandbox
from tests.store.conftest import lane_id, lane_ids, relay

__all__ = ["authority", "lane_id", "lane_ids", "relay", "sandbox"]
