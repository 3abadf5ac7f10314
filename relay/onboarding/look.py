"""What is known on the way to being connected, read from the relay's database and the configured files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from relay.catalogue import CareUnit, read_care_units
from relay.index.certificate import of_client
from relay.onboarding.gate import Observed
from relay.onboarding.steps import Facts
from relay.settings import ALL, Settings, Source
from relay.store import changes, evidence, figures, onboarding, overview
from relay.store.selection import WINDOW
from relay.store.transaction import Store, Transaction


def units_of(source: Source) -> list[CareUnit]:
    """The units of the source's list; none where every unit is published. Raises CatalogueError."""
    return list(read_care_units(source.care_units).values()) if source.care_units != ALL else []


def facts(tx: Transaction, environment: str, source: Source) -> Facts:
    """What is known of the source's steps in this environment."""
    listed = {unit.hsa_id for unit in units_of(source) if unit.active}
    return Facts(
        seen=evidence.by_source(tx, environment)[source.name],
        said=onboarding.latest(tx),
        units=listed | onboarding.units_in_use(tx, source.name),
    )


def units_in_use(store: Store) -> dict[str, set[str]]:
    """The same units of every source, in questions of which none takes long however many posts there are."""
    found: dict[str, set[str]] = {}
    last = store.transact(figures.last_post_id)
    for after in range(0, last, WINDOW):
        some = store.transact(lambda tx, after=after: onboarding.units_by_source(tx, after, after + WINDOW))  # type: ignore[misc]
        for source, units in some.items():
            found.setdefault(source, set()).update(units)
    return found


def every_fact(
    tx: Transaction, environment: str, sources: Iterable[Source], in_use: Mapping[str, set[str]]
) -> dict[str, Facts]:
    """What is known of the steps of several sources, by their names, with the units that are in use."""
    seen, said = evidence.seen_by_source(tx, environment), onboarding.latest(tx)
    return {
        source.name: Facts(
            seen=seen[source.name],
            said=said,
            units={unit.hsa_id for unit in units_of(source) if unit.active} | in_use.get(source.name, set()),
        )
        for source in sources
    }


def observed(tx: Transaction, settings: Settings, source: Source) -> Observed:
    """All that the gate looks at."""
    number, last = onboarding.rejected(tx, source.name)
    oldest = [
        row.oldest_pending_since
        for row in overview.lanes(tx)
        if row.source == source.name and row.oldest_pending_since is not None
    ]
    return Observed(
        facts=facts(tx, settings.environment, source),
        rejected=number,
        last_rejected=last,
        certificate_ends=_certificate_ends(settings, source),
        oldest_pending_since=min(oldest, default=None),
        held=changes.waiting(tx).get(source.name, 0),
    )


def _certificate_ends(settings: Settings, source: Source) -> datetime | None:
    """When the index's client certificate ends; the past where its file cannot be read."""
    index = settings.engagement_index[source.engagement_index]
    if index.client_certificate is None:
        return None
    try:
        return of_client(index).not_after
    except (OSError, ValueError):
        return datetime.now(UTC) - timedelta(seconds=1)
