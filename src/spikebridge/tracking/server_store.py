"""An MLflow server as the store: whether it answers, and whether it lets this user in."""

from __future__ import annotations

from spikebridge.errors import RegistryError
from spikebridge.tracking import store_location
from spikebridge.tracking.interruptions import first_line, patiently

TIMEOUT_S = 10
USER_AND_PASSWORD = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
PAUSES_S = (0.5, 1.0, 2.0, 4.0)


def check_server(uri: str) -> None:
    """Raise RegistryError if no MLflow server answers at the address, or if it refuses this user or this name of it."""
    import requests
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    shown = store_location.masked(uri)
    wanted = "/api/2.0/mlflow/experiments/search"

    def ask() -> requests.Response:
        return http_request(
            get_default_host_creds(uri),
            wanted,
            "GET",
            max_retries=0,
            timeout=TIMEOUT_S,
            raise_on_status=False,
            params={"max_results": 1},
        )

    try:
        answer = patiently(ask, PAUSES_S)
    except (MlflowException, requests.RequestException, OSError) as error:
        text = store_location.without_password(first_line(error), uri)
        raise RegistryError(f"MLflow store {shown}: no server answers there ({_short(text)})") from None
    if answer.status_code == 401:
        raise RegistryError(f"MLflow store {shown}: the user or the password is wrong; set {USER_AND_PASSWORD}")
    if answer.status_code == 403 and "host" in answer.text.lower():
        raise RegistryError(
            f"MLflow store {shown}: the server does not accept this name of it ({_short(answer.text)}): its operator "
            "adds the name to --allowed-hosts"
        )
    if answer.status_code >= 400:
        raise RegistryError(
            f"MLflow store {shown}: expected an MLflow server, got the answer {answer.status_code} "
            f"({_short(answer.text)})"
        )


def _short(text: str) -> str:
    """One line of at most 200 characters; of a chain of errors the last one."""
    line = " ".join(text.split())
    return (line.rpartition("Caused by ")[2] or line)[:200].strip()
