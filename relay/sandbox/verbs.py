"""What can be done to the index, the platform and their answers, by short verbs: for the API and the page's buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from relay.sandbox.core import Core
from relay.sandbox.orders import Order


class Said(BaseModel):
    """What may be said with a verb. `on`: begin or end it. `seconds`: how long; each verb has its own usual time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: bool = True
    seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] | None = None
    status: Annotated[int, Field(ge=100, le=599)] = 403
    times: Annotated[int, Field(ge=1)] = 1
    text: str = "No response received from remote server: index.example:443"

    def time(self, usual: float) -> float:
        """How long, in seconds."""
        return usual if self.seconds is None else self.seconds


class Verb(NamedTuple):
    """Something to do. `ends`: it lasts until it is done again with `"on": false`."""

    what: str
    do: Callable[[Core, Said], object]
    ends: bool = False


NO_BROKER: Final = "Uncategorized exception occurred during JMS processing"

VERBS: Final[dict[str, Verb]] = {
    "die": Verb(
        "the back end dies and is up again after `seconds` (0): its window is lost",
        lambda core, said: core.back_end_dies(said.time(0)),
    ),
    "restart": Verb(
        "a rolling restart: a second back end for `seconds` (10), then the first stops with its open window",
        lambda core, said: core.rolling_restart(said.time(10)),
    ),
    "reorder": Verb(
        "a second back end beside the first: long calls are overtaken by short ones",
        lambda core, said: core.second_back_end(said.on),
        ends=True,
    ),
    "lock": Verb(
        "the write lock: accepted calls are held back until it is off",
        lambda core, said: core.write_lock(said.on),
        ends=True,
    ),
    "away": Verb(
        "the index's database is away: accepted calls wait until it is back",
        lambda core, said: core.database_away(said.on),
        ends=True,
    ),
    "spoil": Verb(
        "the open window, or the next, fails as a whole: tried again, then a dead letter",
        lambda core, _: core.window_fails(),
    ),
    "stop": Verb(
        "the platform stops: 503 for `seconds` (2), a moment of bare 404, then connections are closed",
        lambda core, said: core.platform_stops(said.time(2)),
    ),
    "start": Verb(
        "the platform starts: VP008 for `seconds` (5) until its catalogue is read",
        lambda core, said: core.platform_starts(said.time(5)),
    ),
    "fault": Verb(
        "the next call (`times`) is answered by a fault without a code (`text`)",
        lambda core, said: core.order(Order(answer="fault", text=said.text, times=said.times)),
    ),
    "broker": Verb(
        "the index's message broker is away: the next call (`times`) fails after `seconds` (10), and is not stored",
        lambda core, said: core.order(Order(answer="fault", text=NO_BROKER, delay=said.time(10), times=said.times)),
    ),
    "refuse": Verb(
        "the next call is answered VP009, the producer's `status` (403) in its detail",
        lambda core, said: core.order(
            Order(answer="fault", text="VP009", producer_status=said.status, times=said.times)
        ),
    ),
    "cut": Verb(
        "the next call is applied, its answer 200 with half a body",
        lambda core, said: core.order(Order(answer="cut", times=said.times)),
    ),
    "wait": Verb(
        "the next call is applied and answered after `seconds` (32; 58 is the longest silence twice)",
        lambda core, said: core.order(Order(delay=said.time(32), times=said.times)),
    ),
    "repeat": Verb(
        "the next call is delivered to the index twice, two seconds apart",
        lambda core, said: core.order(Order(answer="twice", times=said.times)),
    ),
}
