"""Where a worker keeps acceptances until the database has them."""

from __future__ import annotations

import os
import tempfile
from hashlib import blake2b
from pathlib import Path

from relay.system import user_id


def spool_folder(chosen: Path | str, database_url: str) -> Path | None:
    """The folder for the relay on this database; None where none is to be kept. Several relays may share what is
    chosen: each has a folder of its own in it."""
    if chosen == "off":
        return None
    from sqlalchemy import make_url  # whoever keeps acceptances has it in memory, and beat has not

    url = make_url(database_url)
    if chosen:
        folder = Path(chosen)
    elif state := os.environ.get("STATE_DIRECTORY", "").partition(":")[0]:
        folder = Path(state) / "spool"
    elif url.get_backend_name() == "sqlite":
        folder = Path(f"{url.database}.spool")
    else:
        folder = Path(tempfile.gettempdir()) / f"ei-relay-spool-{user_id()}"
    place = url.set(username=None, password=None, query={}).render_as_string()
    return folder / blake2b(place.encode(), digest_size=6).hexdigest()
