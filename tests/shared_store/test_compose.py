"""compose.yaml: valid, guarded, closed beyond this machine, and its steps carried out without a container engine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from project import ROOT

from lab_servers import S3, Postgres
from lab_store import in_order, lab

FILE = ROOT / "compose.yaml"
SERVICES: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
LONG_LIVED = ("database", "files", "mlflow")


def tool(name: str) -> str:
    path = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (it comes with the extra dev)")
    return path


def test_it_has_the_form_of_a_compose_file() -> None:
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_finds_no_danger() -> None:
    done = subprocess.run([tool("compose-lint"), "check", str(FILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "HIGH" not in done.stdout and "CRITICAL" not in done.stdout


def test_nothing_is_open_beyond_this_machine() -> None:
    for name, service in SERVICES.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert service.get("network_mode") is None
        assert (
            service["user"].split(":")[0] not in {"0", "root"} if "user" in service else name in {"mlflow", "pipeline"}
        )
        assert ":" in service["image"] and not service["image"].endswith(":latest")
    assert [name for name, service in SERVICES.items() if service.get("ports")] == ["mlflow"]
    assert "minio" not in FILE.read_text(encoding="utf-8").lower().replace("minio's free edition", "")
    assert all("healthcheck" in SERVICES[name] for name in LONG_LIVED)


def test_no_secret_is_in_a_variable() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            secret = any(word in key for word in ("PASSWORD", "SECRET", "KEY", "CREDENTIALS"))
            assert not secret or str(value).startswith("/run/secrets/"), f"{name}: {key}"


def test_services_start_after_those_that_they_need() -> None:
    assert in_order(SERVICES) == ["database", "files", "mlflow"]


TRY = """
import os, sys
from pathlib import Path
import requests
from spikebridge.config import TrackingConfig
from spikebridge.tracking import runs, store
opened = store.open_store(TrackingConfig(), Path(sys.argv[1]))
run_id = runs.get_or_create(opened, runs.Key("a", "a", "model")).info.run_id
(Path(sys.argv[1]) / "a.txt").write_text("hello")
opened.client.log_artifact(run_id, str(Path(sys.argv[1]) / "a.txt"))
assert Path(opened.client.download_artifacts(run_id, "a.txt")).read_text() == "hello"
uri = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/experiments/search?max_results=1"
print(requests.get(uri).status_code, requests.get(uri, headers={"Host": "elsewhere.example"}).status_code)
"""


@pytest.mark.slow
def test_its_steps_without_an_engine(tmp_path: Path, open_folder: Path) -> None:
    if reason := Postgres.missing() or S3.missing():
        pytest.skip(reason)
    with lab(open_folder / "lab") as running:
        variables = running.environment("pipeline")
        assert not [key for key in variables if key.startswith(("AWS_A", "AWS_S", "PG"))], "it needs no keys"
        command = [sys.executable, "-c", TRY, str(tmp_path)]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.split()[-2:] == ["200", "403"]
        secrets = [p.read_text() for p in (open_folder / "lab" / "secrets").glob("database_password")]
        logs = [p.read_text(errors="replace") for p in (open_folder / "lab").glob("*.log")]
        assert secrets and not any(secret in log for secret in secrets for log in logs)
