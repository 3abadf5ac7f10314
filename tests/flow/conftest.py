"""The store's source with two lanes, for steps that work on both kinds of database."""

from tests.store.conftest import lane_id, lane_ids

__all__ = ["lane_id", "lane_ids"]
