"""Interrupted connections to a shared store: which errors pass by themselves, and calls that are repeated."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from spikebridge.errors import RegistryError, SpikebridgeError
from spikebridge.tracking import store_location

if TYPE_CHECKING:
    from mlflow import MlflowClient

Result = TypeVar("Result")
PAUSES_S = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses between the attempts of one call: an interruption of some 15 s is bridged."""
REQUEST = "spikebridge.request"
"""Tag of what one call has made: a lost answer leaves a run or model behind that the next attempt finds by it."""
LOST = (
    "server closed the connection",
    "connection already closed",
    "connection has been closed",
    "terminating connection",
    "the database system is",
    "connection refused",
    "connection reset",
    "connection timed out",
    "could not receive data",
    "could not send data",
    "eof detected",
    "timeout expired",
    "deadlock detected",
    "connection aborted",
    "remote end closed",
    "max retries exceeded",
    "too many clients",
    "remaining connection slots",
    "read timed out",
    "failed to establish",
    "could not connect to the endpoint",
    "connection was closed",
    "network is unreachable",
    "ssl syscall error",
    "temporary failure",
    "error code 502",
    "error code 503",
    "error code 504",
)
"""Words in the messages of drivers, of MLflow and of S3 for a connection that was lost or not made."""
REFUSED = ("password authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry")
"""Words for what no further attempt changes."""
LIBRARIES = {"sqlalchemy", "psycopg2", "psycopg", "mlflow", "requests", "urllib3", "botocore", "boto3", "s3transfer"}


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def is_interruption(error: BaseException | None) -> bool:
    """Whether an error of the store may be gone at the next attempt: a connection lost, a server that starts again."""
    if isinstance(error, SpikebridgeError):  # it has its message already
        return False
    while error is not None:
        text = str(error).lower()
        ours = isinstance(error, ConnectionError) or type(error).__module__.partition(".")[0] in LIBRARIES
        if ours and not any(words in text for words in REFUSED) and any(words in text for words in LOST):
            return True
        error = error.__cause__ or error.__context__
    return False


def patiently(call: Callable[[], Result], pauses_s: tuple[float, ...] | None = None) -> Result:
    """The result of a call that may be made several times; made again for a while if the connection is lost.

    Parameters
    ----------
    call : callable
        What is asked of the store; must have the same effect if it is made twice.
    pauses_s : tuple of float, optional
        Pauses between attempts, s; None for PAUSES_S.

    Returns
    -------
    object
        The result of the first attempt that succeeds.
    """
    for pause_s in PAUSES_S if pauses_s is None else pauses_s:
        try:
            return call()
        except Exception as error:
            if not is_interruption(error):
                raise
        time.sleep(pause_s)
    return call()


def finished(task: Callable[[], Result], uri: str, pauses_s: tuple[float, ...] = (1.0, 5.0)) -> Result:
    """The result of a task of many calls, which is begun again if the connection to the store is lost within it.

    Parameters
    ----------
    task : callable
        Leaves alone what an earlier attempt has written.
    uri : str
        Of the store, for the message.
    pauses_s : tuple of float
        Pauses between attempts, s.

    Returns
    -------
    object
        The result of the first attempt that succeeds.

    Raises
    ------
    RegistryError
        If every attempt lost the connection.
    """
    try:
        return patiently(task, pauses_s)
    except Exception as error:
        if not is_interruption(error):
            raise
        text = store_location.without_password(first_line(error), uri)
        raise RegistryError(
            f"MLflow store {store_location.masked(uri)}: the connection was lost and could not be made again: {text}. "
            "Run it again: what is there already is not written twice"
        ) from None


class PersistentClient:
    """MLflow's client for a store beyond this machine: a call whose connection is lost is made again, for a while.

    Most calls have the same effect twice: points, parameters, tags, states and files are equal and replace themselves.
    Those that make something carry a tag with the number of the request. If the answer is lost, the next attempt looks
    for what has that number. MLflow's HTTP client repeats requests too: what it made twice is removed.

    Parameters
    ----------
    client : MlflowClient
        The client of MLflow.
    """

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if not callable(attribute):
            return attribute
        return lambda *arguments, **named: patiently(lambda: attribute(*arguments, **named))

    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: Mapping[str, str] | None = None,
        run_name: str | None = None,
    ) -> Any:
        """A new run, made once."""
        return self._once(
            lambda tag: self._client.create_run(experiment_id, start_time, {**(tags or {}), **tag}, run_name),
            lambda number: self._client.search_runs([experiment_id], f"tags.`{REQUEST}` = '{number}'"),
            lambda run: self._client.delete_run(run.info.run_id),
        )

    def create_logged_model(
        self, experiment_id: str, name: str, tags: Mapping[str, str] | None = None, **others: Any
    ) -> Any:
        """A new model below a run, made once."""
        return self._once(
            lambda tag: self._client.create_logged_model(experiment_id, name, tags={**(tags or {}), **tag}, **others),
            lambda number: self._client.search_logged_models([experiment_id], f"tags.`{REQUEST}` = '{number}'"),
            lambda model: self._client.delete_logged_model(model.model_id),
        )

    def create_model_version(
        self, name: str, source: str, run_id: str, tags: Mapping[str, str] | None = None, **others: Any
    ) -> Any:
        """A new version of a registered model, made once."""

        def with_number(number: str) -> list[Any]:
            versions = self._client.search_model_versions(f"name = '{name}' and run_id = '{run_id}'")
            return [v for v in versions if v.tags.get(REQUEST) == number]

        return self._once(
            lambda tag: self._client.create_model_version(name, source, run_id, tags={**(tags or {}), **tag}, **others),
            with_number,
            lambda version: self._client.delete_model_version(name, version.version),
        )

    def _once(
        self,
        make: Callable[[Mapping[str, str]], Any],
        find: Callable[[str], Any],
        remove: Callable[[Any], None],
    ) -> Any:
        number, repeats = uuid.uuid4().hex, str(self._client.tracking_uri).startswith(("http:", "https:"))
        tried: list[bool] = []

        def attempt() -> Any:
            earlier = list(find(number)) if tried else []
            tried.append(True)
            return earlier[0] if earlier else make({REQUEST: number})

        made = patiently(attempt)
        if repeats or len(tried) > 1:
            for thing in patiently(lambda: list(find(number))):
                if _name(thing) != _name(made):
                    patiently(partial(remove, thing))
        return made


def _name(thing: Any) -> Any:
    """The id of a run or of a model below it, or the number of a version."""
    if hasattr(thing, "info"):
        return thing.info.run_id
    return thing.version if hasattr(thing, "version") else thing.model_id
