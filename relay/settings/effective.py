"""The configuration as it takes effect, each value with where it came from; secrets are not shown."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from relay.settings.finding import HIDDEN, show
from relay.settings.load import load_with_origins
from relay.settings.model import Settings

_TABLES: Final = ("engagement_index", "source", "retention")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `origin`: file, default, or the environment variable; one whose name ends in _FILE names a file."""

    key: str  # as operators write it: source.tidbok-nord.outbox_url
    value: str  # near to TOML, secrets hidden
    origin: str


def effective(path: str | None = None, environ: Mapping[str, str] | None = None) -> list[Setting]:
    """Every setting. Raises SettingsError where the configuration has mistakes."""
    settings, document, origins = load_with_origins(path, os.environ if environ is None else environ)
    return list(_all(settings, document, origins))


def _all(settings: Settings, document: Mapping[str, Any], origins: Mapping[str, str]) -> Iterator[Setting]:
    plain = [name for name in Settings.model_fields if name not in _TABLES]
    yield from _of(settings, plain, "", document, origins)
    retention = list(type(settings.retention).model_fields)
    yield from _of(settings.retention, retention, "retention.", document.get("retention", {}), origins)
    for name, index in settings.engagement_index.items():
        said = document.get("engagement_index", {}).get(name, {})
        yield from _of(index, list(type(index).model_fields), f"engagement_index.{name}.", said, origins)
    for source in settings.source:
        said = next((each for each in document.get("source", ()) if each.get("name") == source.name), {})
        yield from _of(source, list(type(source).model_fields), f"source.{source.name}.", said, origins)


def _of(
    table: BaseModel, names: list[str], prefix: str, said: Mapping[str, Any], origins: Mapping[str, str]
) -> Iterator[Setting]:
    for name in names:
        key = prefix + name
        origin = origins.get(key) or ("file" if name in said else "default")
        yield Setting(key, _shown(getattr(table, name), key), origin)


def _shown(value: object, key: str) -> str:
    if isinstance(value, SecretStr):
        return HIDDEN if value.get_secret_value() else '""'
    if value is None:
        return "(not set)"
    return show(str(value) if isinstance(value, Path) else value, key=key)
