"""reports/registration.json: the record of the registered versions and the hashes of their files.

A person who can write to the MLflow store can change a model and its manifest there, or move an alias. The record is
kept outside the store, so that both are detected. Only one process at a time publishes or promotes: it reads and writes
the store and the record under one lock.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from spikebridge.artifacts.registration import (
    REGISTRATION_FILE,
    read_registration,
    write_published,
    write_registration,
)
from spikebridge.errors import DataError, RegistryError
from spikebridge.runtime.hashing import digest
from spikebridge.runtime.stage import lock
from spikebridge.tracking import database_store, store_location
from spikebridge.tracking.model_card import CHAMPION

LOCK_FILE = ".publish.lock"
DUPLICATE_ROW = ("integrityerror", "unique constraint", "duplicate key", "duplicate entry")
"""Texts of databases (SQLite, PostgreSQL, MySQL) for a row that another process has already written."""


def shown_store(uri: str, project: Path) -> str:
    """The URI of a store in the form of the record: without a password; inside the project, a relative path."""
    path = store_location.sqlite_file(uri)
    if path is not None:
        path = path.resolve()
        root = project.resolve()
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    parts = urlsplit(store_location.masked(uri))
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def read(project: Path) -> dict[str, Any]:
    """The record of a project; empty if nothing was registered yet. Raises RegistryError if it is unreadable."""
    try:
        return read_registration(project)
    except DataError as error:
        raise RegistryError(f"{error}. Write it again: spikebridge publish") from None


def kept_manifests(project: Path, store_uri: str, name: str, versions: Iterable[str]) -> dict[str, str]:
    """Version -> SHA-256 of its manifest, as recorded before, for those versions of the model that the store has."""
    try:
        about = read(project)
    except RegistryError:
        return {}
    manifests = about.get("manifests")
    if not _about_model(about, project, store_uri, name) or not isinstance(manifests, dict):
        return {}
    present = set(versions)
    return {version: str(sha256) for version, sha256 in manifests.items() if version in present}


def write(project: Path, about: Mapping[str, Any]) -> None:
    """Write the record and mlruns/published.json. A missing published.json tells DVC that the store was emptied."""
    write_registration(project, about)
    write_published(project, about["fingerprint"])


def note_champion(project: Path, store_uri: str, name: str, version: int, sha256: str | None) -> None:
    """Record which version a person made champion, and the SHA-256 of its manifest if none was recorded."""
    about = read(project)
    if not _about_model(about, project, store_uri, name):
        return
    about["champion"] = version
    if sha256 is not None:
        about["manifests"] = {str(version): sha256} | dict(about.get("manifests") or {})
    if about.get("version") == version:
        about |= {"alias": CHAMPION, "uri": f"models:/{name}@{CHAMPION}"}
    elif about.get("alias") == CHAMPION:
        about |= {"alias": None, "uri": f"models:/{name}/{about['version']}"}
    write_registration(project, about)


def recorded_champion(project: Path, store_uri: str, name: str) -> int | None:
    """The champion in the record; None if the record is not about this model in this store."""
    about = read(project)
    champion = about.get("champion") if _about_model(about, project, store_uri, name) else None
    return champion if isinstance(champion, int) else None


def check(project: Path, store_uri: str, name: str, version: str, alias: str | None, manifest_sha256: str) -> None:
    """Check a version against the record of the current project before it is loaded.

    A version that is not in the record, for example one that somebody else registered in a shared store, can be loaded
    by its number, not by an alias.
    Raises RegistryError if the record contradicts the version.
    """
    about = read(project)
    manifests = about.get("manifests")
    if not _about_model(about, project, store_uri, name) or not isinstance(manifests, dict):
        return
    path, what = project / REGISTRATION_FILE, f"models:/{name}/{version}"
    champion = about.get("champion")
    if alias == CHAMPION and str(champion) != version:
        was = f"version {champion} is" if champion is not None else "there is none"
        raise RegistryError(
            f"models:/{name}@{alias} is version {version} in the store, but {path} says {was}: the alias was moved "
            f"outside this project. If that is right: spikebridge promote --version {version} --by NAME --reason TEXT; "
            f"or load a version by its number, such as {what}"
        )
    recorded = manifests.get(version)
    if recorded is None and alias is not None:
        raise RegistryError(
            f"models:/{name}@{alias} is version {version}, which {path} does not list: it was not registered from this "
            f"project. Load it by its number where you trust it: {what}"
        )
    if recorded is not None and recorded != manifest_sha256:
        raise RegistryError(
            f"{what}: its files in the store are not those that were registered: the manifest's SHA-256 is "
            f"{manifest_sha256[:12]}..., {path} says {str(recorded)[:12]}.... Somebody changed them. Register the "
            "model again from the files under runs/: spikebridge publish"
        )


def _about_model(about: Mapping[str, Any], project: Path, store_uri: str, name: str) -> bool:
    return about.get("name") == name and about.get("store") == shown_store(store_uri, project)


def lock_files(uri: str, project: Path) -> list[Path]:
    """Lock files of a project's record and of a store, in the order in which every process takes them.

    The lock of a store in a SQLite file is in the folder of that file, so it holds for every clone and user. Any other
    store has no folder that its users share: it is locked for this user on this machine. A PostgreSQL database is also
    locked by itself, between machines; of an MLflow server no lock holds between two machines.
    """
    database = store_location.sqlite_file(uri)
    if database is not None:
        store = database.resolve().parent / LOCK_FILE
    else:
        shown = digest(store_location.user(), shown_store(uri, project))[:16]
        store = Path(tempfile.gettempdir()).resolve() / f"spikebridge-{shown}{LOCK_FILE}"
    return sorted({store_location.home(project).resolve() / "mlruns" / LOCK_FILE, store})


@contextmanager
def exclusive(uri: str, project: Path) -> Iterator[None]:
    """Hold the locks. If another process holds one, print a line and wait.

    Raises RegistryError if a process on another machine wrote the same rows to the same server at the same time.
    """
    with ExitStack() as stack:
        for path in lock_files(uri, project):
            stack.enter_context(lock(path))
        if store_location.is_database(uri):
            database_store.prepare(uri)
            stack.enter_context(database_store.locked(uri, "publish"))
        try:
            yield
        except Exception as error:
            if not _is_duplicate_row(error):
                raise
            where = shown_store(uri, project)
            raise RegistryError(
                f"MLflow store {where}: another process wrote the same run or version at the same time. Wait until "
                "it has ended, then run it again: what is there already is not written twice"
            ) from error


def _is_duplicate_row(error: BaseException) -> bool:
    """Whether a database rejected a row because it already exists."""
    if type(error).__module__.partition(".")[0] not in {"mlflow", "sqlalchemy", "sqlite3"}:
        return False
    text = f"{type(error).__name__} {error}"[:4000].lower()
    return any(words in text for words in DUPLICATE_ROW)
