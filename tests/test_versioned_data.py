"""docs/versioned-data.md, run as it stands: the commands of the page are the script of this test."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from project import ROOT, copy_project, environment, parameters
from ssh_server import SshServer

from lab_servers import S3, running
from spikebridge.config import SimulateConfig
from spikebridge.simulate import simulate_session, write_nwb

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "versioned-data.md").read_text(encoding="utf-8")
KNOBS = SimulateConfig(n_trials=20, n_source_units=(6, 6), n_target_units=(5, 5))


REMOTES = "## A remote on S3 or SSH\n"


def blocks(of_remotes: bool = False) -> list[str]:
    """The commands of the page: those of the section on remotes, or all others."""
    before, _, after = PAGE.partition(REMOTES)
    section, heading, rest = after.partition("\n## ")
    text = section if of_remotes else before + heading + rest
    return re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


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

    def clone(self, name: str) -> Path:
        """A clone of the project on another machine."""
        target = self.project.with_name(name)
        self.run(f'git clone --quiet "$PROJECT" "{target}" && cd "{target}" && dvc pull data/recordings.dvc')
        return target

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


@pytest.fixture
def added(tmp_path: Path) -> Lab:
    """A project whose recordings are under DVC, without a remote."""
    lab = Lab(tmp_path)
    lab.run('mkdir -p data/recordings && cp -r "$LAB"/. data/recordings && dvc add data/recordings')
    lab.run("git add -A && git commit -qm recordings")
    return lab


def recordings(project: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((project / "data" / "recordings").iterdir())}


def test_a_remote_on_s3(added: Lab) -> None:
    pytest.importorskip("dvc_s3", reason='the extra "remotes" is not installed')
    if reason := S3.missing():
        pytest.skip(reason)
    with running(S3(added.project.with_name("s3"))) as server:
        server.make_bucket("lab")
        added.variables |= {"BUCKET": "lab", "S3": server.endpoint} | {
            key: value for key, value in server.environment().items() if key.startswith("AWS_")
        }
        added.run(blocks(of_remotes=True)[0])
        listed = server.client().list_objects_v2(Bucket="lab", Prefix="recordings/files/md5/")
        assert listed["KeyCount"] == 3, "two recordings and their list"
        assert recordings(added.clone("elsewhere")) == recordings(added.project)
        assert server.secret not in (added.project / ".dvc" / "config").read_text()

        key = max(listed["Contents"], key=lambda entry: entry["Size"])["Key"]
        server.client().put_object(Bucket="lab", Key=key, Body=b"damaged")
        with pytest.raises(AssertionError, match=r"corrupted|failed to pull|Checkout failed"):
            added.clone("after the damage")


def test_a_remote_by_ssh(added: Lab) -> None:
    pytest.importorskip("dvc_ssh", reason='the extra "remotes" is not installed')
    if reason := SshServer.missing():
        pytest.skip(reason)
    with SshServer(added.project.with_name("ssh")) as server:
        folder = added.project.with_name("on the server")
        added.variables |= {
            "SERVER": f"127.0.0.1:{server.port}",
            "FOLDER": str(folder),
            "KEY": str(server.key),
            "USER": getpass.getuser(),
        }
        added.run(blocks(of_remotes=True)[1])
        assert len([p for p in folder.rglob("*") if p.is_file()]) == 3, "two recordings and their list"
        local = added.project / ".dvc" / "config.local"
        added.run(f'git clone --quiet "$PROJECT" "{added.project.with_name("b")}"')
        shutil.copy(local, added.project.with_name("b") / ".dvc" / "config.local")
        added.run(f'cd "{added.project.with_name("b")}" && dvc pull data/recordings.dvc')
        assert recordings(added.project.with_name("b")) == recordings(added.project)
