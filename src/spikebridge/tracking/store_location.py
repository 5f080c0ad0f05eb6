"""The location of the store. Does not import mlflow, so that the command line stays fast."""

from __future__ import annotations

import getpass
import os
import re
from pathlib import Path
from urllib.parse import quote, unquote, unquote_plus, urlsplit

SQLITE = "sqlite:///"
BESIDE = "spikebridge.artifacts"
"""Tag of an experiment whose artifacts are in the folder of the database."""
WITH_PASSWORD = re.compile(r"^([\w.+-]+://[^:/?#@]*):(.*)@", re.DOTALL)
"""Scheme and user of a URI, and the password: as drivers read it, it may contain any character."""
SECRET_KEY = re.compile(r"[^=]*(password|passwd|secret|token)[^=]*=", re.IGNORECASE)
"""A key of a URI's query that names a secret."""
ANNOUNCED: set[str] = set()
"""URIs that `announce` wrote into the environment of this process: they are no settings of the user."""


def home(start: Path | None = None) -> Path:
    """The project's root: the nearest folder upwards with a dvc.yaml, params.yaml or .dvc; else `start` itself.

    `dvc exp run --temp` works in a copy under .dvc/tmp/exps that is deleted afterwards: its home is the real project.

    Parameters
    ----------
    start : Path, optional
        Where the search starts; None for the working folder.

    Returns
    -------
    Path
        The absolute path of the folder.
    """
    start = (start or Path.cwd()).resolve()
    parts = start.parts
    for i in range(len(parts) - 2):
        if parts[i : i + 3] == (".dvc", "tmp", "exps"):
            return Path(*parts[:i])
    for folder in (start, *start.parents):
        if any((folder / name).exists() for name in ("dvc.yaml", "params.yaml", ".dvc")):
            return folder
    return start


def tracking_uri(uri: str | None = None, project: Path | None = None) -> str:
    """The MLflow URI: `uri` (params: tracking.uri), else MLFLOW_TRACKING_URI, else sqlite in mlruns/ of the project.

    Parameters
    ----------
    uri : str, optional
        tracking.uri of params.yaml; a relative sqlite path counts from the project's root.
    project : Path, optional
        The folder of the project; None for the working folder.

    Returns
    -------
    str
        The URI, with an absolute path if it is a sqlite file.
    """
    from_env = os.environ.get("MLFLOW_TRACKING_URI")
    if uri is None and from_env and from_env not in ANNOUNCED:
        return from_env
    root = home(project)
    if uri is None:
        return SQLITE + (root / "mlruns" / "mlflow.db").as_posix()
    path = sqlite_file(uri)
    return uri if path is None else SQLITE + (root / path).as_posix()


def announce(uri: str) -> None:
    """Let this process and its children use `uri` for runs and registry.

    MLflow's own setter writes MLFLOW_TRACKING_URI too. The values that spikebridge wrote are remembered, so that they
    are not mistaken for settings of the user. Without a registry URI, system metrics can deadlock with evaluation.
    """
    if os.environ.get("MLFLOW_TRACKING_URI") != uri:
        ANNOUNCED.add(uri)
    registry = os.environ.get("MLFLOW_REGISTRY_URI")
    if not registry or registry in ANNOUNCED:
        os.environ["MLFLOW_REGISTRY_URI"] = uri
    os.environ["MLFLOW_TRACKING_URI"] = uri


def sqlite_file(uri: str) -> Path | None:
    """The file behind a sqlite URI, None for any other store."""
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def is_database(uri: str) -> bool:
    """Whether a store is a PostgreSQL database."""
    return uri.partition(":")[0].partition("+")[0] in {"postgresql", "postgres"}


def is_server(uri: str) -> bool:
    """Whether a store is an MLflow server."""
    return urlsplit(uri).scheme in {"http", "https"}


def masked(uri: str) -> str:
    """A URI as it may be shown: without its password, in whichever part of it that is."""
    shown = WITH_PASSWORD.sub(r"\1@", uri)
    address, mark, query = shown.partition("?")
    kept = [pair for pair in query.split("&") if not SECRET_KEY.match(pair)]
    return address + (mark + "&".join(kept) if kept and query else "")


def passwords(uri: str) -> list[str]:
    """The passwords in a URI, as they are written and as they are meant, the longest first."""
    written = [match[2] for match in [WITH_PASSWORD.match(uri)] if match]
    pairs = uri.partition("?")[2].split("&")
    written += [pair.partition("=")[2] for pair in pairs if SECRET_KEY.match(pair)]
    forms = {form for p in written for form in (p, unquote(p), unquote_plus(p), quote(unquote(p), safe=""))}
    return sorted(forms - {""}, key=lambda form: (-len(form), form))


def without_password(text: str, uri: str) -> str:
    """A text in which the passwords of a URI are replaced."""
    for password in passwords(uri):
        text = text.replace(password, "***")
    return text


def artifact_root(uri: str, project: Path | None = None, wanted: str | None = None) -> str | None:
    """Absolute URI for artifacts: next to a sqlite file, else in mlruns/ of the project; None: the server decides.

    wanted: tracking.artifact_location; for a PostgreSQL database also in MLFLOW_DEFAULT_ARTIFACT_ROOT.
    """
    if is_database(uri):
        wanted = wanted or os.environ.get("MLFLOW_DEFAULT_ARTIFACT_ROOT") or None
    if wanted is not None:
        return wanted.rstrip("/") if urlsplit(wanted).scheme else (home(project) / wanted).resolve().as_uri()
    path = sqlite_file(uri)
    if path is not None:
        return (path.resolve().parent / "artifacts").as_uri()
    if is_server(uri) or uri.startswith("databricks"):
        return None
    return (home(project) / "mlruns" / "artifacts").as_uri()


def lock_file(uri: str, project: Path | None = None) -> Path:
    """The file that writers lock while they create the database, an experiment or a run."""
    path = sqlite_file(uri)
    return (path.resolve().parent if path is not None else home(project) / "mlruns") / ".tracking.lock"


def user() -> str:
    """The name of the user on this machine; "unknown" if there is none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
