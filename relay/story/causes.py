"""The causes that can keep a booking from the index, or in it: a table for each thing that they are about.

    ROWS      the booking system wrote something that was not taken (yet)
    BOOKING   the booking should have no post (R-20, R-22)
    HELD      the surge guard keeps what it should be from being followed
    POST      what is wanted of a post has not been sent, or not accepted

Of the causes that hold, the first that does not pass by itself is the answer, which says what to do; where all pass,
the one that passes last. A cause is added to its table and nowhere else.
"""

from __future__ import annotations

from relay.booking import PAST
from relay.post import ABSENT
from relay.story.cause import Cause
from relay.story.facts import Facts, Post
from relay.story.of_booking import BOOKING
from relay.story.of_held import HELD
from relay.story.of_post import POST
from relay.story.of_rows import ROWS


def of_rows(f: Facts) -> Cause | None:
    """Why the newest of what the booking system wrote is not taken; None: it is."""
    return next((cause for _, find in ROWS if (cause := find(f)) is not None), None)


def of_booking(f: Facts) -> Cause | None:
    """Why the booking should have no post; None: it should have one."""
    if not f.withheld:
        return None
    return BOOKING[f.withheld[0]](f)


def of_held(f: Facts) -> Cause | None:
    """Which held change keeps the posts other than they should be; None: none does, or they are as they should be."""
    shown = [post for post in f.posts if post.wanted != ABSENT]
    kept = any(not post.current for post in shown) or (f.wanted is None and bool(shown))
    if f.wanted is not None:
        kept = kept or f.target is None or f.target.wanted != f.wanted.content
    if not kept or f.unread or f.source.retired_at is not None or PAST in f.withheld:
        return None  # a newer word lets a booking go, and its time ends a post whatever is held
    return next((cause for _, find in HELD if (cause := find(f)) is not None), None)


def of_post(f: Facts, post: Post) -> Cause | None:
    """Why what is wanted of a post is not in the index yet; None: it is."""
    if not post.pending:
        return None
    holding = [cause for _, find in POST if (cause := find(f, post)) is not None]
    lasting = (cause for cause in holding if cause.until is None)
    return next(lasting, None) or max(holding, key=lambda cause: cause.until or f.now, default=None)
