"""The script: whatever is not sent yet, up to 1000 rows a call, then marked. Cron runs it every minute; here it begins
again EVERY seconds after it has ended, for nobody wants to wait.

A call that is refused ends the run, as an exception ends a script; the next one begins with the same rows.
"""

from __future__ import annotations

import time
import traceback

from tests.bench.peers.sending import MARK, call, connection

EVERY = 1
MOST = 1000
_UNSENT = "SELECT * FROM ei_outbox WHERE relayed_at IS NULL ORDER BY id LIMIT %s"


def run() -> None:
    """One run: until nothing is left."""
    with connection() as outbox:
        while rows := outbox.execute(_UNSENT, [MOST]).fetchall():
            call(rows)
            outbox.execute(MARK, [[row["id"] for row in rows]])


if __name__ == "__main__":
    while True:
        try:
            run()
        except Exception:
            traceback.print_exc()
        time.sleep(EVERY)
