"""Several publishes and promotions at once: one after the other, and nothing is there twice."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from spikebridge.errors import RegistryError
from spikebridge.tracking import store_location
from spikebridge.tracking.registration_record import exclusive, lock_files

PUBLISH = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import fake_project
from spikebridge import tracking
print(tracking.publish(fake_project.settings(), Path(sys.argv[1]))["version"])
"""
SUPPORT = Path(__file__).resolve().parents[1] / "support"


def rows(database: Path, query: str) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute(query).fetchone()[0])


@pytest.mark.slow
def test_publishing_in_several_processes_at_once(project: Path) -> None:
    command = [sys.executable, "-c", PUBLISH, str(project), str(SUPPORT)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [0] * 3, outputs
    assert [out.strip() for out, _ in outputs] == ["1"] * 3
    waited = sum("waiting for another process that holds" in error for _, error in outputs)
    assert waited, outputs
    database = project / "mlruns" / "mlflow.db"
    assert rows(database, "select count(*) from model_versions") == 1
    assert rows(database, "select count(*) from runs where lifecycle_stage = 'deleted'") == 0
    kind = "select count(*) from tags where key = 'spikebridge.kind' and value = 'execution'"
    assert rows(database, kind) == 1
    assert json.loads((project / "reports" / "registration.json").read_text())["version"] == 1


def test_a_database_file_is_locked_beside_it_for_every_clone(tmp_path: Path) -> None:
    shared = f"sqlite:///{(tmp_path / 'common' / 'mlflow.db').as_posix()}"
    locked = []
    for name in ("first", "second"):
        clone = tmp_path / name
        clone.mkdir()
        (clone / "dvc.yaml").touch()
        locked.append(set(lock_files(shared, clone)))
        assert lock_files(store_location.tracking_uri(None, clone), clone) == [clone / "mlruns" / ".publish.lock"]
    assert locked[0] & locked[1] == {tmp_path / "common" / ".publish.lock"}
    assert [len(files) for files in locked] == [2, 2], "the record of each project is locked too"


def test_a_server_is_locked_for_this_user_on_this_machine(tmp_path: Path) -> None:
    locked = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "dvc.yaml").touch()
        locked.append(set(lock_files("https://user:secret@server/mlflow", tmp_path / name)))
    (common,) = locked[0] & locked[1]
    assert "secret" not in str(common)
    assert common not in lock_files("https://other/mlflow", tmp_path / "first")


def test_a_row_that_another_machine_wrote_meanwhile_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").touch()
    message = r"https://server: another process wrote .* run it again"
    with pytest.raises(RegistryError, match=message), exclusive("https://user:secret@server", tmp_path):
        raise sqlite3.IntegrityError("UNIQUE constraint failed: tags.key, tags.run_uuid")
    with pytest.raises(ValueError, match="a defect"), exclusive("https://server", tmp_path):
        raise ValueError("a defect about a duplicate key")
