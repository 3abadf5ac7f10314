"""For the tests of booking systems: an index to practise on, a relay that works when told, and one assertion.

`relay.pytest_plugin` gives both to pytest as the fixtures `ei_index` and `ei_relay`; they work without pytest as well.
"""

from relay.testing.index import Post, PracticeIndex
from relay.testing.practice import PracticeRelay

__all__ = ["Post", "PracticeIndex", "PracticeRelay"]
