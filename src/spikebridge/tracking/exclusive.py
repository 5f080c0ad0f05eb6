"""One publish or promotion at a time: looking up and writing belong together, and so do the store and the record."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from spikebridge.errors import RegistryError
from spikebridge.runtime.hashing import digest
from spikebridge.runtime.stage import lock
from spikebridge.tracking import place, record

NAME = ".publish.lock"
TWICE = ("integrityerror", "unique constraint", "duplicate key", "duplicate entry")
"""Words of databases (SQLite, PostgreSQL, MySQL) for a row that another process has written meanwhile."""


def lock_files(uri: str, project: Path) -> list[Path]:
    """Lock files of a project's record and of a store, in the order in which every process takes them.

    A store in a SQLite file is locked beside that file, so for every clone and user. Any other store has no folder that
    its users share: it is locked for this user on this machine. Two machines are not kept apart.
    """
    database = place.sqlite_file(uri)
    if database is not None:
        store = database.resolve().parent / NAME
    else:
        shown = digest(place.user(), record.shown_store(uri, project))[:16]
        store = Path(tempfile.gettempdir()).resolve() / f"spikebridge-{shown}{NAME}"
    return sorted({place.home(project).resolve() / "mlruns" / NAME, store})


@contextmanager
def exclusive(uri: str, project: Path) -> Iterator[None]:
    """Hold the locks; wait for another process that has one, and say so.

    Raises RegistryError where a process of another machine wrote the same rows to the same server meanwhile.
    """
    with ExitStack() as stack:
        for path in lock_files(uri, project):
            stack.enter_context(lock(path))
        try:
            yield
        except Exception as error:
            if not _written_twice(error):
                raise
            where = record.shown_store(uri, project)
            raise RegistryError(
                f"MLflow store {where}: another process wrote the same run or version at the same time. Wait until "
                "it has ended, then run it again: what is there already is not written twice"
            ) from error


def _written_twice(error: BaseException) -> bool:
    """Whether a database refused a row because it is there already."""
    if type(error).__module__.partition(".")[0] not in {"mlflow", "sqlalchemy", "sqlite3"}:
        return False
    text = f"{type(error).__name__} {error}"[:4000].lower()
    return any(words in text for words in TWICE)
