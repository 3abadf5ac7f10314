"""docs/configuration.md, written from the settings themselves: `python -m relay.settings.reference`.

What a setting is for, its kind and its default stand once, in `relay.settings.model`; so the page cannot be wrong. A
test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from inspect import get_annotations
from pathlib import Path
from typing import Final

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from relay.settings.console import Console
from relay.settings.duration import format_duration
from relay.settings.engagement_index import EngagementIndex
from relay.settings.model import Region, Retention, Settings, Source
from relay.settings.surge import SurgeGuard

PAGE: Final = Path("docs/configuration.md")

_INTRODUCTION: Final = """\
# Configuration

One TOML file, named by `EI_RELAY_CONFIG`. `config/minimal.toml` is the least there can be and `config/example.toml`
shows every key. `ei-relay config check` tells every mistake at once, and `--connect` tries what the file points at.

Every key can be set by the environment variable beside it, which wins over the file, and read from a file by the same
name with `_FILE` after it, as secrets are mounted: `EI_RELAY_DATABASE_URL_FILE=/run/secrets/database-url`. In a
variable's name, that of an index or source is in upper case with `_` for `-`; a list is its items with commas between.

A duration is a text with its unit: `"250ms"`, `"1.5s"`, `"90s"`, `"5m"`, `"2h"`, `"90d"`, at most `"365d"`. A relative
path starts at the folder of the file. R-30 and the like are the contract's rules (`rules.md`); a value that breaks one
is warned of, and not refused.

This page is written by `python -m relay.settings.reference`.
"""
_TABLES: Final[tuple[tuple[str, str, str, type[BaseModel]], ...]] = (
    ("Above the first table", "The relay itself.", "EI_RELAY_", Settings),
    ("[engagement_index.NAME]", EngagementIndex.__doc__ or "", "EI_RELAY_ENGAGEMENT_INDEX__NAME__", EngagementIndex),
    ("[retention]", Retention.__doc__ or "", "EI_RELAY_RETENTION__", Retention),
    ("[region]", Region.__doc__ or "", "EI_RELAY_REGION__", Region),
    ("[surge_guard]", SurgeGuard.__doc__ or "", "EI_RELAY_SURGE_GUARD__", SurgeGuard),
    ("[console]", Console.__doc__ or "", "EI_RELAY_CONSOLE__", Console),
    ("[[source]]", Source.__doc__ or "", "EI_RELAY_SOURCE__NAME__", Source),
)
_HAS_A_TABLE: Final = ("console", "engagement_index", "region", "retention", "surge_guard", "source")
_KINDS: Final = {  # by the annotation in the model
    "kinds.Duration": "duration",
    "kinds.PositiveDuration": "duration, more than zero",
    "kinds.DurationOrOff": "duration, or 0",
    "kinds.OptionalDuration": "duration, or nothing",
    "kinds.Count": "whole number, at least 1",
    "kinds.Percent": "whole number, 1 to 100",
    "bool": "`true` or `false`",
    "kinds.Port": "port number",
    "kinds.LocalIdentities": "regular expression, or nothing",
    "kinds.Host": "host name or address",
    "kinds.Networks": "list of addresses or networks",
    "kinds.HeaderName": "name of a header",
    "Query": "SQL, or nothing",
    "TimeOfDay": "time of the day",
    "kinds.PortOrOff": "port number, or 0",
    "kinds.LogLevel": "`DEBUG`, `INFO`, `WARNING` or `ERROR`",
    "kinds.Slug": "slug",
    "kinds.HttpUrl": "address",
    "kinds.OptionalHttpUrl": "address, or nothing",
    "kinds.BrokerUrl": "URL of a broker",
    "kinds.DatabaseUrl": "URL of a database",
    "kinds.OutboxUrl": "URL of a database",
    "kinds.HsaId": "HSA-id",
    "kinds.OptionalHsaId": "HSA-id, or nothing",
    "kinds.DataController": "organisation number or HSA-id",
    "kinds.TableName": "name of a table",
    "kinds.FilePath": "path of a file",
    "kinds.SpoolDir": "path of a folder, or `off`",
    "kinds.CareUnitsFile": "path of a file, or `*`",
    "kinds.ResidentsFile": "path of a file, or `*`",
    "Annotated[tuple[kinds.HsaId, ...], Field(min_length=1)]": "list of HSA-ids",
    'Literal["qa", "production"]': "`qa` or `production`",
    'Literal["json", "text"]': "`json` or `text`",
    "SecretStr": "text, a secret",
    "tuple[str, ...]": "list of texts",
    "str": "text",
}


def page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_INTRODUCTION, *(line for table in _TABLES for line in _section(*table))])


def _section(title: str, purpose: str, prefix: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"## {title}\n\n{purpose}\n"
    yield "| key | kind | default | what it is for | variable |"
    yield "| --- | --- | --- | --- | --- |"
    annotations = {key: kind for each in reversed(model.__mro__) for key, kind in get_annotations(each).items()}
    own = get_annotations(model)
    for key, field in sorted(model.model_fields.items(), key=lambda each: each[0] not in own):  # what it inherits last
        if model is Settings and key in _HAS_A_TABLE:
            continue
        kind = _KINDS[str(annotations[key]).replace("'", '"')]  # a kind without words is a mistake of ours
        variable = "(the name in the others)" if (model, key) == (Source, "name") else f"`{prefix}{key.upper()}`"
        description = " ".join((field.description or "").split()).replace("|", "\\|")
        yield f"| `{key}` | {kind} | {_default(field)} | {description} | {variable} |"
    yield ""


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.is_required():
        return "required"
    if isinstance(value, timedelta):
        return f"`{format_duration(value)}`"
    if isinstance(value, SecretStr) or value in (None, "", ()):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
