"""The spool: that a call was accepted, on the worker's own disk until the relay's database has it.

The answer to a call comes once. Between reading it and the commit that records it a worker can be killed, or the
database can refuse for longer than the lease lasts; the posts would be in doubt and sent again. So the acceptance is
written to a file and synced first, and the file is removed after the commit. What is found later, at the start and at
each look at what is to be done, is written down as the worker would have done it, if that is still true: the call is
open, and nobody has taken its lane since (the token of its lease is the lane's).

A file has the ids of the call, the lane's name, the token and the code, and no personal data; what the call said of
each post stands in the call's own row. The time of the answer is kept as seconds since the call was written down, so it
is told by the database's clock whatever the worker's shows, and R-32 counts from it.

Only acceptances: any other answer that is forgotten costs a call or two and breaks no rule.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from relay.flow.delivery.aftermath import open_again
from relay.flow.delivery.repeats import after_acceptance
from relay.index.verdict import Kind
from relay.observe.metrics import SPOOL_FILES
from relay.post import ABSENT
from relay.settings import EngagementIndex
from relay.store import calls, lanes, posts
from relay.store.posts import Sent
from relay.store.transaction import Transaction
from relay.system import sync_folder, user_id

log = logging.getLogger(__name__)

MOST: Final = 1000  # files; there are as many as calls are out, unless the database is away for long
_ENDING: Final = ".accepted"


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An accepted call: its ids, its lane, the token of the lease it was made under, and how long after its beginning
    the answer came."""

    call: int
    correlation_id: str
    lane: str
    token: int
    code: str
    seconds: float


class Spool:
    """The files of one relay on this host. Safe to use from several threads and processes."""

    def __init__(self, folder: Path | None) -> None:
        """`folder` None: nothing is kept."""
        self._folder = folder
        self._trouble = ""

    def keep(self, answer: KeptAnswer) -> KeptAnswer | None:
        """Write an acceptance down and sync it; None where it could not be: the work goes on without."""
        if self._folder is None:
            return None
        try:
            self._write(self._folder, answer)
        except OSError as error:
            self._tell(f"{error.strerror or type(error).__name__} ({self._folder})")
            return None
        self._trouble = ""
        return answer

    def forget(self, answer: KeptAnswer | None) -> None:
        """The database has it, or it is of no use any more."""
        if self._folder is not None and answer is not None:
            with suppress(OSError):
                self._file(self._folder, answer).unlink()

    def kept(self) -> list[KeptAnswer]:
        """Whatever is there. What cannot be read, because a machine ended over it, is removed."""
        found = []
        for file in self._files():
            try:
                found.append(KeptAnswer(**_parsed(file.read_text(encoding="utf-8"))))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, TypeError):
                log.warning("a file of the spool could not be read and was removed")
                with suppress(OSError):
                    file.unlink()
        SPOOL_FILES.set(len(found))
        return found

    def _files(self) -> list[Path]:
        if self._folder is None:
            return []
        try:
            return sorted(entry for entry in self._folder.iterdir() if entry.suffix == _ENDING)
        except OSError:  # it is made with the first file
            return []

    def _write(self, folder: Path, answer: KeptAnswer) -> None:
        _make_private(folder)
        if len(self._files()) >= MOST:
            raise OSError(0, f"it has {MOST} files, as many as it takes")
        file = self._file(folder, answer)
        draft = file.with_suffix(f".{os.getpid()}.draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            json.dump(asdict(answer), out)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
        sync_folder(folder)

    def _file(self, folder: Path, answer: KeptAnswer) -> Path:
        return folder / f"{answer.call}{_ENDING}"

    def _tell(self, trouble: str) -> None:
        """Once for each kind of trouble, until it is over."""
        if trouble != self._trouble:
            log.warning("acceptances are not kept in the spool: %s; see spool_dir", trouble)
            self._trouble = trouble


def write_down(tx: Transaction, answer: KeptAnswer, index: EngagementIndex) -> bool:
    """Record what the spool has kept of a call; whether it was still to be done."""
    call = calls.still_open(tx, answer.call, answer.correlation_id)
    if call is None:
        return False
    ended_at = call.started_at + timedelta(seconds=answer.seconds)
    changes = open_again(ended_at) | {
        "last_success_at": ended_at,
        "next_bulk_at": ended_at + index.bulk_call_interval,
        "next_split_at": ended_at + index.split_call_interval,
    }
    changes |= after_acceptance(lanes.seen(tx, call.lane_id), ended_at)
    alone = int(len(call.said) < index.least_posts)  # then it is to be said again in company (relay.flow.delivery.load)
    if alone:
        changes["say_again_at"] = ended_at + index.key_spacing
    if not lanes.close_call_of(tx, call.lane_id, answer.token, **changes):
        return False
    twice = {post for post in call.again if call.said[post] == ABSENT}  # a delete is said alone twice at most
    after = [Sent(post, said, ended_at, unconfirmed=0 if post in twice else alone) for post, said in call.said.items()]
    posts.record(tx, answer.call, after, call.said)
    calls.end(tx, answer.call, Kind.ACCEPTED.value, answer.code, "", ended_at)
    facts = {"lane": answer.lane, "call": answer.call}
    tx.tell(log.info, "an acceptance that the spool had kept was written down", extra=facts)
    return True


def _parsed(text: str) -> dict[str, Any]:
    fields = json.loads(text)
    kinds = {"call": int, "correlation_id": str, "lane": str, "token": int, "code": str, "seconds": float | int}
    if not isinstance(fields, dict) or not all(isinstance(fields.get(name), kind) for name, kind in kinds.items()):
        raise ValueError("not a file of ours")
    return fields


def _make_private(folder: Path) -> None:
    """The folder and the one it is in, for nobody but us. Raises PermissionError where another one has made it: the
    folder for temporary files is everybody's."""
    for each in (folder.parent, folder):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    seen = folder.lstat()
    if user_id() not in (None, seen.st_uid) or folder.is_symlink():
        raise PermissionError(1, "the folder is somebody else's")
