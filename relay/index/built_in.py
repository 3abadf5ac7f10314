"""The built-in contract as a process that calls an index needs it, without zeep: eight MiB, and half a second.

What stands here is what zeep makes of the WSDL; tests say so.
"""

from __future__ import annotations

from relay.index.message import UPDATE
from relay.index.reading import Reply, read_as, result


class BuiltIn:
    """The operation Update of the built-in WSDL."""

    action = f"{UPDATE}:Update"

    def read(self, body: bytes) -> Reply:
        """The answer in a body. Raises UnreadableError, without a word of the body in it."""
        return read_as(body, f"{{{UPDATE}}}UpdateResponse", result)
