"""Whatever somebody writes, the answer is settings or mistakes in words, and never a password."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.settings import EngagementIndex, Settings, Source
from relay.settings.check import examine
from relay.settings.environment import overlay

_KEYS = sorted({*Settings.model_fields, *EngagementIndex.model_fields, *Source.model_fields, "other"})
_SECRET = "hunter2"
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.text(max_size=8)
    | st.sampled_from(["5m", "*", "qa", f"postgresql://relay:{_SECRET}@db/x", f"http:/x:{_SECRET}@db"])
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_document_gets_an_answer(document: dict[str, Any], data: st.DataObject) -> None:
    spoiled = deepcopy(document)
    for table in (spoiled, spoiled["engagement_index"]["national"], spoiled["source"][0]):
        table |= data.draw(st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=3))
    environ = data.draw(
        st.dictionaries(
            st.sampled_from(
                [
                    f"EI_RELAY_{table}{key.upper()}"
                    for table in ("", "SOURCE__A__", "ENGAGEMENT_INDEX__NATIONAL__")
                    for key in _KEYS
                ]
            ),
            st.text(max_size=8),
            max_size=3,
        )
    )

    overlaid = overlay(spoiled, environ, lambda name: name)
    settled, mistakes = examine(overlaid.document, Path(), overlaid.origins)

    assert settled or mistakes
    assert all(each.key and each.value and each.expected for each in mistakes)
    assert _SECRET not in "".join(map(str, mistakes))
