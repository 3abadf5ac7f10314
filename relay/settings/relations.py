"""What must hold between the tables of a configuration. Pure.

Works on the document before it is validated, and takes any shape: so a source that names an unknown index
is reported at the same time as a mistyped duration elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from relay.settings.finding import Finding, show

NATIONAL = "5565594230"
Document = Mapping[str, Any]


def mistakes_between_tables(document: Document) -> list[Finding]:
    """Names used twice or not at all, and what only one environment demands."""
    return [
        *_index_names_alike(document),
        *_source_names_used_twice(document),
        *_unknown_indexes(document),
        *_source_systems_used_twice(document),
        *_missing_test_residents(document),
        *_asking_the_national_index(document),
        *_waking_by_other_databases(document),
    ]


def source_key(source: Mapping[str, Any], position: int) -> str:
    """A source as the operator knows it: by name, else by place."""
    name = source.get("name")
    return f"source.{name}" if isinstance(name, str) and name else f"source[{position + 1}]"


def in_environment(name: str) -> str:
    """A name as environment variables spell it."""
    return name.upper().replace("-", "_")


def _sources(document: Document) -> Iterator[tuple[str, Mapping[str, Any]]]:
    sources = document.get("source")
    for position, source in enumerate(sources if isinstance(sources, list) else []):
        if isinstance(source, Mapping):
            yield source_key(source, position), source


def _index_names(document: Document) -> list[str]:
    indexes = document.get("engagement_index")
    return list(indexes) if isinstance(indexes, Mapping) else []


def _index_names_alike(document: Document) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name in _index_names(document):
        other = seen.setdefault(in_environment(name), name)
        if other != name:
            yield Finding(
                f"engagement_index.{name}",
                show(name),
                f"expected a name that differs from {other} in more than case, - and _",
            )


def _source_names_used_twice(document: Document) -> Iterator[Finding]:
    seen: set[str] = set()
    for key, source in _sources(document):
        name = source.get("name")
        if isinstance(name, str) and name in seen:
            yield Finding(f"{key}.name", show(name), "expected a name that no other source has")
        if isinstance(name, str):
            seen.add(name)


def _unknown_indexes(document: Document) -> Iterator[Finding]:
    known = _index_names(document)
    for key, source in _sources(document):
        wanted = source.get("engagement_index")
        if not isinstance(wanted, str) or wanted in known:
            continue
        near = get_close_matches(wanted, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(known) or 'none'}"
        yield Finding(f"{key}.engagement_index", show(wanted), f"expected the name of an [engagement_index.…]; {hint}")


def _source_systems_used_twice(document: Document) -> Iterator[Finding]:
    """A lane is a source system's: two sources that shared one would call in parallel (R-31)."""
    holders: dict[str, str] = {}
    for key, source in _sources(document):
        systems = source.get("source_systems")
        for system in systems if isinstance(systems, list | tuple) else []:
            if not isinstance(system, str):
                continue
            if (holder := holders.get(system.upper())) is not None:
                yield Finding(
                    f"{key}.source_systems",
                    show(system),
                    "expected each source system once (case does not count); "
                    f"it already stands in {holder}.source_systems",
                )
            holders.setdefault(system.upper(), key)


def _asking_the_national_index(document: Document) -> Iterator[Finding]:
    indexes = document.get("engagement_index")
    if document.get("environment") != "production" or not isinstance(indexes, Mapping):
        return
    for name, index in indexes.items():
        if not isinstance(index, Mapping) or not index.get("find_content_url"):
            continue
        if str(index.get("logical_address", "")).strip() == NATIONAL:
            yield Finding(
                f"engagement_index.{name}.find_content_url",
                show(index["find_content_url"]),
                "expected none: FindContent on the national index is open to aggregating services only (R-39)",
            )


def _waking_by_other_databases(document: Document) -> Iterator[Finding]:
    for key, source in _sources(document):
        if source.get("wake_up") is not True:
            continue
        url = source.get("wake_up_url") or source.get("outbox_url") or document.get("database_url")
        if isinstance(url, str) and not url.lower().startswith("postgresql"):
            yield Finding(f"{key}.wake_up", show(True), "expected false: only PostgreSQL can notify of new rows")


def _missing_test_residents(document: Document) -> Iterator[Finding]:
    if document.get("environment") != "qa":
        return
    for key, source in _sources(document):
        if source.get("test_residents", "") == "":
            yield Finding(
                f"{key}.test_residents",
                show(source.get("test_residents")),
                'required in qa, where only approved test identities are used (R-55): expected a file of them, or "*"',
            )
