"""The settings of the web page, declared as those of `relay.settings.model` are."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from relay.settings import kinds


class Console(BaseModel):
    """The web page for operators and administrators, `ei-relay console`: where it listens, and who may see what."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    host: kinds.Host = Field(
        "localhost",
        description="Where it listens: a name or an address. Anything but this machine itself needs trusted_proxies "
        "and a group.",
    )
    port: kinds.Port = Field(9466, description="The port it listens on.")
    trusted_proxies: kinds.Networks = Field(
        (),
        description="Addresses or networks of the proxies that sign users in: 10.1.2.3, 10.1.0.0/24. Once one is "
        "named, nobody else is answered, on this machine either.",
    )
    user_header: kinds.HeaderName = Field(
        "X-Forwarded-User", description="The header in which the proxy says who is signed in."
    )
    groups_header: kinds.HeaderName = Field(
        "X-Forwarded-Groups", description="The header in which it says the user's groups, with commas between."
    )
    viewers: tuple[str, ...] = Field(
        (), description='Groups that may look at everything but identities; "*": everybody who is signed in.'
    )
    support: tuple[str, ...] = Field(
        (),
        description="Groups that may look, and see the identity of one booking at a time. Each time is written to the "
        "audit log.",
    )
    operators: tuple[str, ...] = Field(
        (),
        description="Groups that may look, pause and resume lanes, retry and discard a parked post, decide on a held "
        "change, and send posts again.",
    )

    @property
    def signs_in(self) -> bool:
        """Whether somebody vouches for users, and somebody of them may look."""
        return bool(self.trusted_proxies and (self.viewers or self.support or self.operators))
