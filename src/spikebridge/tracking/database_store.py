"""A PostgreSQL database as the store of several machines: reached, given MLflow's schema once, and locked for writers.

Locks are PostgreSQL's advisory locks: they hold between machines and end with the connection of the process that holds
them, so a killed process leaves none. They need a direct connection, or a pooler that keeps sessions.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikebridge.errors import RegistryError
from spikebridge.tracking import store_location
from spikebridge.tracking.interruptions import first_line, patiently

if TYPE_CHECKING:
    from sqlalchemy import Connection

LOCK_WAIT_S = 600
"""Longest time to wait for a lock that another process holds."""
LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code for a lock that was not obtained in time."""
HINTS = (
    (("password authentication failed", "no password supplied"), "the user or the password is wrong; {where}"),
    (("does not exist",), "make the database and its user first: createuser, createdb"),
    (("no pg_hba.conf entry",), "the server does not allow this user from this machine (pg_hba.conf)"),
    (
        ("refused", "timed out", "timeout", "could not translate host", "No route", "unreachable", "server closed"),
        "no PostgreSQL server answers there",
    ),
)
"""Words of PostgreSQL's messages -> what the user can do."""
WHERE_PASSWORDS_GO = "it belongs into ~/.pgpass, a file named by PGPASSFILE, or PGPASSWORD"


def prepare(uri: str) -> None:
    """Bring the database to MLflow's schema; of several processes that find a fresh one, one builds the schema.

    A database with the schema of another version of MLflow is left alone: people with that version write to it.

    Parameters
    ----------
    uri : str
        Of the database.

    Raises
    ------
    RegistryError
        If it cannot be reached, its driver is missing, or its schema belongs to another version of MLflow.
    """
    os.environ.setdefault("PGCONNECT_TIMEOUT", "10")  # of MLflow's own connections
    shown = store_location.masked(uri)
    if _schema_fits(uri, shown):
        return
    from mlflow.db import upgrade

    with locked(uri, "schema"):
        if _schema_fits(uri, shown):
            return  # another process has built it meanwhile
        assert upgrade.callback is not None
        try:
            upgrade.callback(uri)
        except Exception as error:
            raise RegistryError(f"MLflow store {shown}: {explained(error, uri)}") from None


def _schema_fits(uri: str, shown: str) -> bool:
    """Whether the schema is that of the installed MLflow; False where there is none yet."""
    import mlflow

    revision = _revision(uri)
    if revision is None or revision == latest_revision():
        return revision is not None
    known = revision in known_revisions()
    remedy = (
        "back it up, then upgrade it for everyone, with the address in MLFLOW_TRACKING_URI: "
        'mlflow db upgrade "$MLFLOW_TRACKING_URI"'
        if known
        else "install the version of MLflow that the others use"
    )
    age = "older" if known else "newer"
    raise RegistryError(
        f"MLflow store {shown}: expected the schema {latest_revision()} of MLflow {mlflow.__version__}, found the "
        f"{age} {revision}: {remedy}"
    )


def _revision(uri: str) -> str | None:
    from sqlalchemy import inspect, text

    def look() -> str | None:
        with connected(uri) as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            row = connection.execute(text("SELECT version_num FROM alembic_version")).fetchone()
            return str(row[0]) if row else None

    return _answer(look, uri)


def _answer(ask: Any, uri: str) -> Any:
    """The result of a call of the database, which is repeated for a while where the connection is lost."""
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    shown = store_location.masked(uri)
    try:
        return patiently(ask)
    except ModuleNotFoundError as error:
        raise RegistryError(
            f"MLflow store {shown}: the driver of PostgreSQL is not installed ({first_line(error)}): "
            'pip install ".[server]" in the project\'s folder'
        ) from None
    except (ArgumentError, ValueError):
        raise RegistryError(
            f"MLflow store {shown}: expected an address such as postgresql://user@host:5432/database"
        ) from None
    except SQLAlchemyError as error:
        raise RegistryError(f"MLflow store {shown}: {explained(error, uri)}") from None


def explained(error: BaseException, uri: str) -> str:
    """The first line of PostgreSQL's message, without a password, and what the user can do."""
    text = store_location.without_password(first_line(getattr(error, "orig", None) or error), uri)
    for words, hint in HINTS:
        if any(word in text for word in words):
            return f"{text}: {hint.format(where=WHERE_PASSWORDS_GO)}"
    return text


@contextmanager
def connected(uri: str) -> Iterator[Connection]:
    """A connection outside MLflow's pool; each statement takes effect at once."""
    from sqlalchemy import NullPool, create_engine

    engine = create_engine(
        uri, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args={"application_name": "spikebridge"}
    )
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def locked(uri: str, purpose: str) -> Iterator[None]:
    """Hold the lock of this purpose in the database, on whichever machine other processes ask for it.

    If another process holds it, print a line and wait. A connection that is lost before the lock is held is made again.

    Parameters
    ----------
    uri : str
        Of the database.
    purpose : str
        The name of the lock.

    Yields
    ------
    None
        Nothing; the lock is released after the block.

    Raises
    ------
    RegistryError
        If the database cannot be reached, or another process holds the lock for LOCK_WAIT_S seconds.
    """
    from sqlalchemy.exc import SQLAlchemyError

    held = _answer(lambda: _held(uri, purpose), uri)
    try:
        yield
    finally:
        with suppress(SQLAlchemyError):  # the connection may be lost, and the lock with it
            held.__exit__(None, None, None)


def _held(uri: str, purpose: str) -> Any:
    """The entered context of a connection that holds the lock."""
    from sqlalchemy import text
    from sqlalchemy.exc import OperationalError

    context, key = connected(uri), {"key": lock_key(purpose)}
    connection = context.__enter__()
    try:
        # The server notices within two minutes that the machine of a holder is gone
        for setting in ("tcp_keepalives_idle = 60", "tcp_keepalives_interval = 15", "tcp_keepalives_count = 4"):
            connection.execute(text(f"SET {setting}"))
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar():
            shown = store_location.masked(uri)
            sys.stderr.write(f"waiting for another process that writes to {shown}\n")
            connection.execute(text(f"SET lock_timeout = '{LOCK_WAIT_S}s'"))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), key)
    except BaseException as error:
        try:
            context.__exit__(type(error), error, error.__traceback__)
        except BaseException as raised:
            if raised is not error:
                raise error from None
        if isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
            raise RegistryError(
                f"MLflow store {store_location.masked(uri)}: another process has held its lock for {LOCK_WAIT_S} s. "
                "SELECT pid FROM pg_locks WHERE locktype = 'advisory' names it"
            ) from None
        raise
    return context


def lock_key(purpose: str) -> int:
    """The number of an advisory lock: 64 bits with a sign."""
    return int.from_bytes(hashlib.sha256(f"spikebridge {purpose}".encode()).digest()[:8], "big", signed=True)


@cache
def _scripts() -> Any:
    from alembic.script import ScriptDirectory
    from mlflow.store import db_migrations

    return ScriptDirectory(str(Path(next(iter(db_migrations.__path__)))))


@cache
def latest_revision() -> str:
    """The schema of the installed MLflow."""
    return str(_scripts().get_current_head())


@cache
def known_revisions() -> frozenset[str]:
    """The schemas that the installed MLflow can upgrade."""
    return frozenset(str(script.revision) for script in _scripts().walk_revisions())
