"""scripts/install_browser.sh on made-up machines: it installs the browser, or prints one line with the reason."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from import_graph import ROOT

SCRIPT = ROOT / "scripts" / "install_browser.sh"
TOOLS = ("timeout", "mktemp", "rm", "grep", "tail", "cat", "chmod", "touch", "env")
pytestmark = pytest.mark.skipif(
    any(shutil.which(name) is None for name in ("sh", *TOOLS)), reason="needs a POSIX shell with its usual commands"
)


def machine(folder: Path, user: int = 0, apt: str | None = "exit 0") -> Path:
    """A folder for PATH: the usual commands, `id` for this user, and this script as apt-get."""
    for name in TOOLS:
        (folder / name).symlink_to(str(shutil.which(name)))
    scripts = {"id": f"echo {user}"} | ({"apt-get": f'echo "$@" >>{folder}/asked\n{apt}'} if apt else {})
    for name, lines in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{lines}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def install(path: Path, *arguments: str, ci: str = "true") -> subprocess.CompletedProcess[str]:
    command = [str(shutil.which("sh")), str(SCRIPT), *arguments]
    environment = {"PATH": str(path), "CI": ci, "TMPDIR": str(path)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("arguments", "ci"), [([], "true"), (["--here"], "")])
def test_installs_in_silence_what_is_missing(tmp_path: Path, arguments: list[str], ci: str) -> None:
    made = (
        f"[ $# -lt 7 ] || for name in chromium chromedriver; do touch {tmp_path}/$name; chmod +x {tmp_path}/$name; done"
    )
    done = install(machine(tmp_path, apt=made), *arguments, ci=ci)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert [line.split(" ", 4)[-1] for line in asked] == [
        "update",
        "install --no-install-recommends chromium chromium-driver",
    ]
    again = install(tmp_path, *arguments, ci=ci)
    assert (again.returncode, again.stderr) == (0, "")
    assert (tmp_path / "asked").read_text(encoding="utf-8").splitlines() == asked, "a second call does nothing"


@pytest.mark.parametrize(
    ("user", "apt", "ci", "reason"),
    [
        (0, "exit 0", "", "this is no CI machine (CI=true), and `make browser` installs it"),
        (0, None, "true", "apt-get is not here; install Chromium and chromedriver by hand"),
        (1000, "exit 0", "true", "apt-get needs root; run `make browser` as root"),
        (0, "echo a; echo 'E: no such package'; exit 100", "true", "apt-get update: E: no such package"),
        (0, "exit 0", "true", "the packages chromium and chromium-driver brought no command of these names"),
    ],
)
def test_prints_one_line_with_the_reason(tmp_path: Path, user: int, apt: str | None, ci: str, reason: str) -> None:
    done = install(machine(tmp_path, user, apt), ci=ci)
    assert done.returncode == 1
    assert done.stdout + done.stderr == f"no browser, so the tests that read pages skip: {reason}\n"
    assert not list(tmp_path.glob("tmp.*")), "no log is left"


def test_ci_goes_on_without_a_browser() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "sh scripts/install_browser.sh || true" in lines
    assert lines[-1] == "exec make --no-print-directory check"
    assert all(line.endswith(" || true") for line in lines if line.startswith("sh scripts/"))
