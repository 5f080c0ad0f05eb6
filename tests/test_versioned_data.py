"""docs/versioned-data.md, run as it stands: the commands of the page are the script of this test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from project import ROOT, copy_project, environment, parameters

from spikebridge.config import SimulateConfig
from spikebridge.simulate import simulate_session, write_nwb

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "versioned-data.md").read_text(encoding="utf-8")
KNOBS = SimulateConfig(n_trials=20, n_source_units=(6, 6), n_target_units=(5, 5))


def blocks() -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


class Lab:
    """A project, the folders that the page speaks of, and a shell that runs its blocks."""

    def __init__(self, root: Path) -> None:
        self.recordings, self.project = root / "the lab", root / "my project"
        self.recordings.mkdir()
        for number in (1, 2):
            self.record(self.recordings / f"rat{number}.nwb", number)
        self.new = root / "rat3.nwb"
        self.record(self.new, 3)
        copy_project(self.project, parameters(ROOT / "params.yaml"))
        (root / "remote").mkdir()
        self.variables = {
            "LAB": str(self.recordings),
            "NEW": str(self.new),
            "REMOTE": str(root / "remote"),
            "PROJECT": str(self.project),
            "ELSEWHERE": str(root / "elsewhere"),
        }
        self.run("dvc init --quiet --force && git add .dvc && (git diff --cached --quiet || git commit -qm dvc)")

    @staticmethod
    def record(path: Path, number: int) -> None:
        write_nwb(simulate_session(KNOBS, np.random.default_rng(number), path.stem, f"rat{number}"), path)

    def run(self, script: str) -> str:
        git = {f"GIT_{who}_{what}": "t@t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        env = environment(self.project) | git | self.variables
        # a console script of this interpreter, wherever it runs from
        tools = f'spikebridge() {{ "{sys.executable}" -m spikebridge.cli "$@"; }}\n'
        done = subprocess.run(
            ["bash", "-ec", tools + script], cwd=self.project, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{script}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def content(self, folder: str) -> dict[str, bytes]:
        root = self.project / folder
        return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def ingest_status(text: str) -> dict[str, str]:
    """What the stage `ingest` said of each recording: read or unchanged."""
    return dict(re.findall(r"^(rat\d): (read|unchanged)$", text, flags=re.MULTILINE))


def test_the_page_from_top_to_bottom(tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("the page's commands are for a POSIX shell")
    lab = Lab(tmp_path)
    first, more, back, forward, elsewhere, imported = blocks()
    folders = ("data/recordings", "data/ingested", "data/windows")

    assert ingest_status(lab.run(first)) == {"rat1": "read", "rat2": "read"}
    march = {folder: lab.content(folder) for folder in folders}
    assert {"rat1/source.npy", "rat2/source.npy", "rat1/quality.csv"} <= march["data/windows"].keys()

    heard = lab.run(more)
    assert ingest_status(heard) == {"rat1": "unchanged", "rat2": "unchanged", "rat3": "read"}
    assert re.search(r"^rat3: \d+ windows$", heard, flags=re.MULTILINE)
    assert len(re.findall(r"^rat\d: \d+ windows$", heard, flags=re.MULTILINE)) == 1, "only the new one is binned"
    april = {folder: lab.content(folder) for folder in folders}
    for folder in folders:
        assert any(name.startswith("rat3") for name in april[folder])
        assert all(april[folder][name] == data for name, data in march[folder].items() if name != "report.json")

    lab.run(back)
    assert {folder: lab.content(folder) for folder in folders} == march
    assert "didn't change" in lab.run("dvc repro preprocess"), "nothing is computed again"
    lab.run(forward)
    assert {folder: lab.content(folder) for folder in folders} == april

    heard = lab.run(elsewhere)
    assert not ingest_status(heard), "everything comes from the remote"
    assert lab.content("../elsewhere/data/windows") == april["data/windows"]

    heard = lab.run(imported)
    assert ingest_status(heard) == {"rat1": "unchanged", "rat2": "unchanged", "rat3": "read"}
    assert lab.content("data/windows").keys() == april["data/windows"].keys()


def test_a_changed_recording_alone_is_read_again_and_a_damaged_output_too(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.run(blocks()[0])
    Lab.record(lab.project / "data" / "recordings" / "rat2.nwb", 7)
    heard = lab.run("dvc add data/recordings; dvc repro preprocess")
    assert ingest_status(heard) == {"rat1": "unchanged", "rat2": "read"}
    before = lab.content("data/ingested")
    spikes = lab.project / "data" / "ingested" / "rat1" / "spikes.parquet"
    spikes.unlink()
    spikes.write_bytes(b"broken")
    heard = lab.run("dvc repro preprocess")
    assert ingest_status(heard) == {"rat1": "read", "rat2": "unchanged"}, "a damaged table is never taken over"
    assert lab.content("data/ingested") == before
