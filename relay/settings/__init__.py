"""The configuration: one TOML file, the environment over it, checked whole at start.

`load` reads it; `parse` checks a document that is already in memory. Every setting is declared once, in
`relay.settings.model`.
"""

from relay.settings.check import parse
from relay.settings.console import Console
from relay.settings.duration import format_duration, parse_duration
from relay.settings.engagement_index import EngagementIndex
from relay.settings.finding import Finding, SettingsError
from relay.settings.kinds import ALL, parse_table_name
from relay.settings.load import load
from relay.settings.model import Region, Retention, Settings, Source
from relay.settings.surge import SurgeGuard

__all__ = [
    "ALL",
    "Console",
    "EngagementIndex",
    "Finding",
    "Region",
    "Retention",
    "Settings",
    "SettingsError",
    "Source",
    "SurgeGuard",
    "format_duration",
    "load",
    "parse",
    "parse_duration",
    "parse_table_name",
]
