"""A document checked whole: settings, or every mistake in it in the operator's terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from relay.settings.advice import advise
from relay.settings.console import Console
from relay.settings.engagement_index import EngagementIndex
from relay.settings.finding import HIDDEN, MISSING, Finding, SettingsError, show
from relay.settings.model import Region, Retention, Settings, Source
from relay.settings.relations import mistakes_between_tables, source_key
from relay.settings.surge import SurgeGuard

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_MODELS: Final[dict[str, type[BaseModel]]] = {
    "engagement_index": EngagementIndex,
    "source": Source,
    "region": Region,
    "retention": Retention,
    "surge_guard": SurgeGuard,
    "console": Console,
}
_PLAIN: Final = ("console", "region", "retention", "surge_guard")  # tables of which there is one, without a name
_SHAPES: Final = {
    "source": "expected [[source]] tables, one for each outbox",
    "engagement_index": "expected [engagement_index.NAME] tables, one for each index",
}
_EXPECTED: Final = {
    "string_type": "expected text in quotes",
    "tuple_type": 'expected a list of texts: ["…", "…"]',
    "model_type": "expected a table",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
}


def parse(document: Mapping[str, Any], folder: Path = Path(), origins: Mapping[str, str] = _NOTHING) -> Settings:
    """The settings that a document (as tomllib reads it) holds; relative paths start at `folder`.

    `origins` says of keys that came from the environment which variable that was.
    Raises SettingsError with every mistake at once.
    """
    settings, mistakes = examine(document, folder, origins)
    if settings is None or mistakes:
        raise SettingsError(mistakes)
    return settings


def examine(
    document: Mapping[str, Any], folder: Path, origins: Mapping[str, str]
) -> tuple[Settings | None, list[Finding]]:
    """The settings, if the values of the document allow any, and every mistake in it."""
    settings: Settings | None = None
    mistakes: list[Finding] = []
    try:
        settings = Settings.model_validate(document, context={"folder": folder})
    except ValidationError as refused:
        mistakes = [_finding(error, document) for error in refused.errors(include_url=False) if not _is_echo(error)]
    mistakes += mistakes_between_tables(document)
    mistakes = [_with_origin(mistake, origins) for mistake in mistakes]
    if settings is None:
        return None, mistakes
    warnings = (_with_origin(warning, origins) for warning in advise(settings))
    return settings.with_warnings(tuple(warnings)), mistakes


def _is_echo(error: ErrorDetails) -> bool:
    """Whether a list is called too short only because what stands in it was refused, each by itself."""
    return error["type"] == "too_short" and bool(error["input"])


def _finding(error: ErrorDetails, document: Mapping[str, Any]) -> Finding:
    loc = error["loc"]
    key = _key(loc, document)
    if error["type"] == "missing":
        return Finding(key, MISSING, _required(loc))
    if error["type"] == "extra_forbidden":
        return Finding(key, show(error["input"], key=key), _unknown_key(loc))
    written = _written(loc, document)
    value = show(error["input"] if written is None else written, key=key)
    if written is None and error["input"] is not None:
        value += " (the default)"
    return Finding(key, value, _expected(error))


def _expected(error: ErrorDetails) -> str:
    kind, loc, context = error["type"], error["loc"], error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"expected {context['expected']}"
    if len(loc) <= 2 and loc[0] in _SHAPES and loc[-1] != "[key]":
        return _SHAPES[str(loc[0])]
    if kind == "too_short":
        return "expected at least one"
    return _EXPECTED.get(kind) or error["msg"].replace("Input should be", "expected")


def _required(loc: Sequence[int | str]) -> str:
    if len(loc) == 1 and loc[0] in _SHAPES:
        return f"required: {_SHAPES[str(loc[0])]}"
    return f"required: {_model_at(loc).model_fields[str(loc[-1])].description}"


def _unknown_key(loc: Sequence[int | str]) -> str:
    """A hint at the key that was meant; TOML puts a key below the table header above it, so look around."""
    key = str(loc[-1])
    own = _model_at(loc)
    if near := get_close_matches(key, own.model_fields, n=1):
        return f"unknown key, did you mean {near[0]}?"
    if key in Settings.model_fields:
        return f"unknown key here: {key} is a top-level key, and stands above the first [table]"
    for table, model in _MODELS.items():
        if key in model.model_fields:
            return f"unknown key here: {key} is a key of {table}"
    return f"unknown key; known are {', '.join(own.model_fields)}"


def _model_at(loc: Sequence[int | str]) -> type[BaseModel]:
    table = str(loc[0])  # of the indexes and sources the second part says which
    return _MODELS.get(table, Settings) if len(loc) > (1 if table in _PLAIN else 2) else Settings


def _key(loc: Sequence[int | str], document: Mapping[str, Any]) -> str:
    first, *rest = (part for part in loc if part != "[key]")
    if first == "source" and rest and isinstance(rest[0], int):
        source = document["source"][rest[0]]
        first = source_key(source if isinstance(source, Mapping) else {}, rest[0])
        rest = rest[1:]
    return ".".join([str(first), *(part for part in rest if isinstance(part, str))])


def _written(loc: Sequence[int | str], document: Mapping[str, Any]) -> Any:
    """What stands in the document there, before anything was made of it; None where nothing does."""
    if loc[-1] == "[key]":
        return loc[-2]
    place: Any = document
    for part in loc:
        try:
            place = place[part]
        except (KeyError, IndexError, TypeError):
            return None
    return place


def _with_origin(finding: Finding, origins: Mapping[str, str]) -> Finding:
    origin = origins.get(finding.key, "")
    if not origin:
        return finding
    # What was read from a secret's file is never shown, whatever key it was meant for.
    value = HIDDEN if origin.endswith("_FILE") and finding.value != MISSING else finding.value
    return Finding(finding.key, value, finding.expected, origin)
