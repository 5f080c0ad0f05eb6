"""The UI with a password: nobody reads or moves anything without one."""

from __future__ import annotations

import base64
import importlib.util
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from spikebridge.errors import RegistryError
from spikebridge.tracking import ui

pytestmark = pytest.mark.slow

WORD = "correct horse battery"
installed = importlib.util.find_spec("flask_wtf") is not None


def test_without_the_package_or_a_password_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ui.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RegistryError, match=r'--auth needs the package flask-wtf.*pip install "\.\[auth\]"'):
        ui.accounts(tmp_path)
    monkeypatch.setattr(ui.importlib.util, "find_spec", lambda name: name)
    for word in ("", "short"):
        monkeypatch.setenv(ui.PASSWORD, word)
        with pytest.raises(RegistryError, match=f"at least 12 characters for the user admin in {ui.PASSWORD}"):
            ui.accounts(tmp_path)


def test_accounts_are_kept_where_only_the_owner_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setenv(ui.PASSWORD, WORD)
    folder = tmp_path / "my 100% project"
    variables = ui.accounts(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    text = Path(variables["MLFLOW_AUTH_CONFIG_PATH"]).read_text()
    assert WORD not in text
    assert f"database_uri = sqlite:///{tmp_path.as_posix()}/my 100%% project/users.db" in text
    assert len(variables[ui.SECRET]) >= 32
    assert ui.command("sqlite:///a.db", 1, auth=True)[-2:] == ["--app-name", "basic-auth"]


def asked(port: int, user: str = "", word: str = "") -> int:
    """HTTP status of a look at the registered models."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/2.0/mlflow/registered-models/search")
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{word}".encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@pytest.mark.slow
@pytest.mark.skipif(not installed, reason='flask-wtf is not installed: pip install ".[auth]"')
def test_the_server_lets_nobody_in_without_the_password(empty: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "spikebridge.cli", "ui", "--auth", "--port", str(port)]
    server = subprocess.Popen(
        command,
        cwd=empty,
        env=os.environ | {ui.PASSWORD: WORD},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        end = time.monotonic() + 200
        while asked(port) == 0 and time.monotonic() < end:
            time.sleep(0.5)
        assert asked(port) == 401
        assert asked(port, "admin", "a wrong password") == 401
        assert asked(port, "admin", WORD) == 200
    finally:
        server.send_signal(signal.SIGTERM)
        output, _ = server.communicate(timeout=30)
    assert output.startswith("Log in as admin.")
