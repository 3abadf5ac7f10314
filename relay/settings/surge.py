"""The settings of the surge guard, declared as those of `relay.settings.model` are."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from relay.settings import kinds


class SurgeGuard(BaseModel):
    """What waits for an operator's decision (`ei-relay changes`), since it would change many posts at once."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    enabled: bool = Field(
        True, description="false: whatever the lists and the booking systems say is done, however much it removes."
    )
    percent: kinds.Percent = Field(
        10,
        description="A change of the lists, or an hour of an outbox, may remove or move as many percent of the "
        "source's present posts. Of 30 000 that is 3 000; such a source cancels and moves some 400 a day.",
    )
    least: kinds.Count = Field(
        50,
        description="But never is one held that removes or moves fewer posts than this: a small source is not asked. "
        "Only of a list that names nobody any more, as when its file was cut, a fifth of this is enough.",
    )
    alike: kinds.Count = Field(
        100,
        description="In production: held are more new posts than this within an hour for one resident, or for one and "
        "the same second if that is most of what is new, for so does a test run look. In qa few residents are many "
        "bookings, and nothing is held.",
    )
