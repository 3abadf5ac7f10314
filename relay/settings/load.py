"""The configuration as a process starts: one TOML file, the environment over it, checked whole."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from relay.settings.check import examine
from relay.settings.environment import CONFIG_VARIABLE, overlay
from relay.settings.finding import MISSING, Finding, SettingsError, show
from relay.settings.model import Settings


def load(path: str | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of the TOML file at `path`, or else at EI_RELAY_CONFIG, with the environment over it.

    Relative paths in either start at the file's folder. Raises SettingsError with every mistake at once.
    """
    settings, _, _ = load_with_origins(path, os.environ if environ is None else environ)
    return settings


def load_with_origins(
    path: str | None, environ: Mapping[str, str]
) -> tuple[Settings, Mapping[str, Any], Mapping[str, str]]:
    """As `load`, with the document of the file, and {key: the variable} of what came from the environment."""
    file = path or environ.get(CONFIG_VARIABLE, "")
    if not file:
        where = "config/minimal.toml of the project, or share/ei-relay/config/minimal.toml of the environment"
        expected = f"required: the path of the configuration file; one to begin with is {where}"
        raise SettingsError([Finding(CONFIG_VARIABLE, MISSING, expected)])
    document = _read(file)
    folder = Path(file).absolute().parent
    overlaid = overlay(document, environ, lambda name: (folder / name).read_text(encoding="utf-8-sig"))
    settings, mistakes = examine(overlaid.document, folder, overlaid.origins)
    # A value whose file could not be read is told of once, as that, and not as missing besides.
    unread = {mistake.key for mistake in overlaid.mistakes}
    mistakes = [*overlaid.mistakes, *(mistake for mistake in mistakes if mistake.key not in unread)]
    if settings is None or mistakes:
        raise SettingsError(mistakes)
    return settings.with_warnings((*settings.warnings, *overlaid.warnings)), document, overlaid.origins


def _read(file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(file).read_text(encoding="utf-8-sig"))  # Windows editors write a BOM
    except OSError as error:
        expected = f"expected a TOML file; it cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        expected = "expected a TOML file in UTF-8"
    except tomllib.TOMLDecodeError as error:
        expected = f"expected valid TOML: {error}"
    except (ValueError, RecursionError):  # which tomllib lets through: a number of thousands of digits, and the like
        expected = "expected valid TOML: a number is too long in it, or brackets stand too deep"
    raise SettingsError([Finding(CONFIG_VARIABLE, show(file), expected)])
