"""What an index that may be asked (`relay.index.find`) says it holds, apart from how it is asked: that needs zeep."""

from __future__ import annotations

from typing import NamedTuple

from relay.post import PostKey


class FindError(Exception):
    """The index did not say what it holds. The text says why, masked."""


class Found(NamedTuple):
    """A post that the index holds. `content` is its mostRecentContent, "" where it has none; `ours` is False where
    categorization or clinicalProcessInterestId are others than the relay sends, so that it could not delete it."""

    key: PostKey
    content: str
    ours: bool
