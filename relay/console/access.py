"""Who may see what. Pure: decided by the settings, the address that is connected, and the headers.

Without a proxy the page is for this machine only, and whoever has an account on it may look. Such a user has no name
here, so an identity is not shown and nothing is changed: an access log that cannot say who would be none. Behind a
proxy people are who it says they are, and only the proxy is answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from relay.settings import Console

EVERYBODY: Final = "*"
_OURS: Final = ("localhost", "127.0.0.1", "::1")
Headers = Sequence[tuple[bytes, bytes]]


class Role(Enum):
    """What somebody may do. One that may see identities or change something may look as well."""

    VIEWER = "viewer"
    SUPPORT = "support"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Person:
    """Who looks."""

    name: str
    roles: frozenset[Role]

    def may(self, role: Role) -> bool:
        """Whether they have the role."""
        return role in self.roles


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing is shown, as an HTTP status and a sentence."""

    status: int
    why: str


LOCAL: Final = Person("local", frozenset({Role.VIEWER}))


def admit(console: Console, peer: str | None, headers: Headers) -> Person | Refused:
    """Who it is that is connected from `peer`, or why they are not let in."""
    if not console.trusted_proxies:
        return LOCAL if _asks_for_this_machine(headers) else Refused(
            421, "This address is served under localhost only."
        )  # fmt: skip
    if not _is_trusted(peer, console.trusted_proxies):
        return Refused(403, "The console answers only the proxy that signs users in.")
    users = [each for each in _values(headers, console.user_header) if each]
    if len(users) != 1:  # two: one of them did not come from the proxy
        return Refused(401, "Nobody is signed in.")
    groups = {group.strip() for value in _values(headers, console.groups_header) for group in value.split(",")} - {""}
    roles = {role for role, named in _named(console).items() if EVERYBODY in named or groups.intersection(named)}
    if not roles:
        return Refused(403, "You are signed in, but in no group that may use the console.")
    return Person(users[0], frozenset(roles | {Role.VIEWER}))


def _named(console: Console) -> dict[Role, tuple[str, ...]]:
    # Only looking can be for everybody: "*" among the others would be a slip, and names no group.
    others = {Role.SUPPORT: console.support, Role.OPERATOR: console.operators}
    strict = {role: tuple(group for group in groups if group != EVERYBODY) for role, groups in others.items()}
    return {Role.VIEWER: console.viewers, **strict}


def _asks_for_this_machine(headers: Headers) -> bool:
    """A page elsewhere can have a browser ask this machine under a name of its own (DNS rebinding)."""
    hosts = _values(headers, "host")
    try:
        return len(hosts) == 1 and urlsplit(f"//{hosts[0]}").hostname in _OURS
    except ValueError:
        return False


def _values(headers: Headers, name: str) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in headers if key.decode("latin-1").lower() == name.lower()]


def _is_trusted(peer: str | None, proxies: tuple[str, ...]) -> bool:
    try:
        address = ip_address(peer or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in _networks(proxies))


@lru_cache
def _networks(proxies: tuple[str, ...]) -> list[IPv4Network | IPv6Network]:
    return [ip_network(each) for each in proxies]
