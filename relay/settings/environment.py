"""The environment laid over the TOML document. Pure, but for the files that …_FILE variables name.

    EI_RELAY_DATABASE_URL                            database_url
    EI_RELAY_ENGAGEMENT_INDEX__NATIONAL__KEY_SPACING engagement_index.national.key_spacing
    EI_RELAY_SOURCE__TIDBOK_NORD__OUTBOX_URL         source.tidbok-nord.outbox_url
    EI_RELAY_RETENTION__CALLS                        retention.calls
    EI_RELAY_DATABASE_URL_FILE                       database_url, read from the file named

A variable that means nothing here is warned of, not refused: Kubernetes gives every pod variables named
after its services, and a service named ei-relay makes EI_RELAY_SERVICE_HOST.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, get_origin

from pydantic import BaseModel

from relay.settings.console import Console
from relay.settings.engagement_index import EngagementIndex
from relay.settings.finding import HIDDEN, Finding, show
from relay.settings.model import Region, Retention, Settings, Source
from relay.settings.relations import in_environment
from relay.settings.surge import SurgeGuard

CONFIG_VARIABLE: Final = "EI_RELAY_CONFIG"
PREFIX: Final = "EI_RELAY_"
_FILE: Final = "_FILE"
_NAMED: Final[dict[str, type[BaseModel]]] = {"engagement_index": EngagementIndex, "source": Source}
_TABLES: Final[dict[str, type[BaseModel]]] = {
    **_NAMED,
    "region": Region,
    "retention": Retention,
    "surge_guard": SurgeGuard,
    "console": Console,
}
_KUBERNETES_ADDRESS = re.compile(r"(tcp|udp|sctp)://\S*")


@dataclass(slots=True)
class Overlaid:
    """The document with the environment laid over it, and what is to be said of the environment."""

    document: dict[str, Any]
    origins: dict[str, str] = field(default_factory=dict)  # key → the variable it came from
    mistakes: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)


class _Target(NamedTuple):
    table: str  # "" or one of _TABLES
    name: str  # the table's name as the variable spells it
    key: str
    from_file: bool


def overlay(document: Mapping[str, Any], environ: Mapping[str, str], read_file: Callable[[str], str]) -> Overlaid:
    """Every EI_RELAY_ variable put in its place; `read_file` reads what a …_FILE variable names."""
    result = Overlaid(deepcopy(dict(document)))
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable != CONFIG_VARIABLE:
            _apply(variable, environ[variable], result, read_file)
    return result


def _apply(variable: str, value: str, result: Overlaid, read_file: Callable[[str], str]) -> None:
    target = _target(variable)
    if target is None:
        result.warnings.append(Finding(variable, show(value, key=variable), _unknown(variable)))
        return
    if variable.endswith("_PORT") and _KUBERNETES_ADDRESS.fullmatch(value):
        result.warnings.append(Finding(variable, show(value), "ignored: set by Kubernetes for a service"))
        return
    place = _place(target, result.document)
    if place is None:  # the document has the wrong shape there, which is told of when it is validated
        return
    table, key = place
    if key in result.origins:
        expected = f"expected either this or {result.origins[key]}, not both"
        result.mistakes.append(Finding(key, show(value, key=key), expected, variable))
        return
    result.origins[key] = variable
    if target.from_file:
        try:
            value = read_file(value).rstrip("\r\n")
        except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a NUL in the path
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            expected = f"expected the path of a file with the value; it cannot be read: {reason}"
            result.mistakes.append(Finding(key, show(value), expected, variable))
            return
    try:
        table[target.key] = _list(value) if _is_list(target) else value
    except ValueError as error:
        shown = HIDDEN if target.from_file else show(value, key=key)
        result.mistakes.append(Finding(key, shown, str(error), variable))


def _target(variable: str) -> _Target | None:
    """What the variable is meant for, or None if for nothing."""
    parts = variable.removeprefix(PREFIX).split("__")
    table, name, last = parts[0].lower(), "__".join(parts[1:-1]), parts[-1]
    if len(parts) == 1:
        table = ""
    elif table not in _TABLES or bool(name) != (table in _NAMED):
        return None
    known = _known_keys(table)
    if last.lower() in known:
        return _Target(table, name, last.lower(), from_file=False)
    key = last.removesuffix(_FILE).lower()
    return _Target(table, name, key, from_file=True) if last.endswith(_FILE) and key in known else None


def _known_keys(table: str) -> set[str]:
    if table:
        named = {"name"} if table in _NAMED else set()  # the name is in the variable's own name
        return set(_TABLES[table].model_fields) - named
    return set(Settings.model_fields) - set(_TABLES)


def _is_list(target: _Target) -> bool:
    model = _TABLES.get(target.table, Settings)
    return get_origin(model.model_fields[target.key].annotation) is tuple


def _list(value: str) -> list[Any]:
    """JSON where it looks like it, else texts between commas. Raises ValueError, whose text says what was expected."""
    if value.lstrip().startswith("["):
        try:
            parsed: list[Any] = json.loads(value)
        except (ValueError, RecursionError):  # not to be taken for one text: most of what is no JSON is an HSA-id
            raise ValueError("expected texts with commas between, or a list in JSON, which this is not") from None
        return parsed
    return [item.strip() for item in value.split(",") if item.strip()]


def _place(target: _Target, document: dict[str, Any]) -> tuple[dict[str, Any], str] | None:
    """The table that the variable sets a key of, made if need be, and the key as operators write it."""
    if target.table == "source":
        sources = document.setdefault("source", [])
        if not isinstance(sources, list):
            return None
        table = next((each for each in sources if _is_named(each, target.name)), None)
        if table is None:
            table = {"name": _as_name(target.name)}
            sources.append(table)
        return table, f"source.{table['name']}.{target.key}"
    if target.table == "engagement_index":
        indexes = document.setdefault("engagement_index", {})
        if not isinstance(indexes, dict):
            return None
        names = (name for name in indexes if in_environment(name) == target.name.upper())
        name = next(names, _as_name(target.name))
        table = indexes.setdefault(name, {})
        return (table, f"engagement_index.{name}.{target.key}") if isinstance(table, dict) else None
    if target.table:
        table = document.setdefault(target.table, {})
        return (table, f"{target.table}.{target.key}") if isinstance(table, dict) else None
    return document, target.key


def _is_named(source: object, name: str) -> bool:
    own = source.get("name") if isinstance(source, dict) else None
    return isinstance(own, str) and in_environment(own) == name.upper()


def _as_name(spelled: str) -> str:
    return spelled.lower().replace("_", "-")


def _unknown(variable: str) -> str:
    stem, _, last = variable.rpartition("__")
    table = stem.removeprefix(PREFIX).partition("__")[0].lower()
    if stem:  # by its last part alone: the long beginning that it shares with all of them would make any of them near
        known = [key.upper() for key in _known_keys(table)] if table in _TABLES else []
        near = [f"{stem}__{key}" for key in get_close_matches(last, known, n=1, cutoff=0.75)]
    else:
        near = get_close_matches(
            variable, [CONFIG_VARIABLE, *(PREFIX + key.upper() for key in _known_keys(""))], n=1, cutoff=0.85
        )
    hint = f"; did you mean {near[0]}?" if near and last else ""
    return f"ignored: no setting has this name{hint}"
