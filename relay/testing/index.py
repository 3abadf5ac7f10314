"""The index of a test: the sandbox, and "it holds exactly these posts"."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime
from types import TracebackType
from typing import Any, Final, Self

from relay.sandbox.core import Options
from relay.sandbox.server import Sandbox

_DIGITS: Final = 14


@dataclass(frozen=True)
class Post:
    """A post of the index. Of one that is expected, whatever is left out may be anything.

    content: the time as the index has it, mostRecentContent; a datetime, a date or the text of one will do, such as
    "2098-12-24 10:30"
    """

    booking_id: str
    content: str | datetime | date | None = None
    care_unit: str | None = None
    resident_id: str | None = None
    source_system: str | None = None
    data_controller: str | None = None

    def __post_init__(self) -> None:
        """Bring time and unit into the index' form."""
        if self.content is not None:
            object.__setattr__(self, "content", _digits(self.content))
        if self.care_unit is not None:
            object.__setattr__(self, "care_unit", self.care_unit.upper())

    def fits(self, held: Post) -> bool:
        """Whether a post that is held is this one."""
        return not self.differs(held)

    def differs(self, held: Post) -> list[str]:
        """The names of the fields in which a post that is held is not as said here."""
        said = ((field.name, getattr(self, field.name)) for field in fields(self))
        return [name for name, value in said if value is not None and value != getattr(held, name)]

    def __str__(self) -> str:
        """It in a line, without the resident: what a test prints ends up in logs."""
        told = (self.booking_id, self.content, self.care_unit, self.source_system, self.data_controller)
        return " ".join(str(each) for each in told if each is not None)


class PracticeIndex:
    """An empty index, served in this process on a free port (or the one that is chosen) of this machine.

    with PracticeIndex() as index:
        ...                       # have something call index.update_url
        index.holds(Post("B-1042", "2098-12-24 10:30"))
    """

    def __init__(self, port: int = 0) -> None:
        """Listen; answer from `with` on. Port 0: any that is free."""
        self.sandbox: Final = Sandbox(Options(), port=port)

    @property
    def url(self) -> str:
        """Its page and its API (docs/sandbox.md)."""
        return self.sandbox.url

    @property
    def update_url(self) -> str:
        """Where a relay calls it: `url` of an [engagement_index]."""
        return self.sandbox.update_url

    def posts(self) -> list[Post]:
        """All it holds, whatever was accepted by now included; oldest first."""
        self.sandbox.core.settle()
        return [_held(post) for post in self.sandbox.core.posts()]

    def holds(self, *expected: Post) -> None:
        """Assert that it holds exactly these posts, no other and none twice, and that nobody broke the contract."""
        held, missing = self.posts(), []
        for post in sorted(expected, key=lambda post: -len(_said(post))):  # those that say most choose first
            found = next((each for each in held if post.fits(each)), None)
            if found is None:
                missing.append(post)
            else:
                held.remove(found)
        problems = [*_told(missing, held), *self.breaches()]
        if problems:
            raise AssertionError("\n".join(["the index does not hold exactly these posts:", *problems]))

    def breaches(self) -> list[str]:
        """Each rule of the contract that a caller broke, in a line."""
        return [f"  rule {each['rule']} was broken: {each['text']}" for each in self.sandbox.core.breaches()]

    def reset(self) -> None:
        """Forget everything."""
        self.sandbox.core.reset()

    def __enter__(self) -> Self:
        """Begin to answer."""
        self.sandbox.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Be gone."""
        self.sandbox.stop()


def _digits(content: str | datetime | date) -> str:
    if isinstance(content, datetime):
        return f"{content:%Y%m%d%H%M%S}"
    if isinstance(content, date):
        return f"{content:%Y%m%d}000000"
    digits = "".join(sign for sign in content if sign.isdigit())
    if len(digits) not in (8, 12, _DIGITS):
        raise ValueError(f"{content!r} is no time: expected one such as 2098-12-24 10:30")
    return digits.ljust(_DIGITS, "0")


def _held(post: dict[str, Any]) -> Post:
    return Post(
        booking_id=post["business_object_instance_identifier"],
        content=post["most_recent_content"],
        care_unit=post["logical_address"],
        resident_id=post["registered_resident_identification"],
        source_system=post["source_system"],
        data_controller=post["data_controller"],
    )


def _said(post: Post) -> list[str]:
    return [field.name for field in fields(post) if getattr(post, field.name) is not None]


def _told(missing: Iterable[Post], left: list[Post]) -> Iterable[str]:
    """A line for each post that is missing or was not expected; where two are of one booking, how they differ."""
    for post in missing:
        near = next((each for each in left if each.booking_id == post.booking_id), None)
        if near is None:
            yield f"  missing:       {post}"
        else:
            left.remove(near)
            yield f"  otherwise:     {post}: it holds {near} (differs: {', '.join(post.differs(near))})"
    for post in left:
        yield f"  not expected:  {post}"
