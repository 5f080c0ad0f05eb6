"""Run the Dockerfile's steps in an empty folder, without a Docker engine.

    python scripts/docker_dry_run.py FOLDER          every stage, then `dvc stage list` where the image would run
    python scripts/docker_dry_run.py FOLDER --run    and the image's CMD, until its HEALTHCHECK is content

What it shows: that the steps name files that exist and reach the image through .dockerignore, that they work in this
order with nothing else at hand, and without Git history. What it cannot show: the base image's own packages, users and
volumes; steps that make users are listed and left out. The image's /app becomes FOLDER/app, in every stage, so that
paths written into the environment stay right. Standard library only; run it with the Python version of the image.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = "/app"
NEEDS_AN_ENGINE = ("useradd", "adduser", "apt-get", "chown")


@dataclass(frozen=True)
class Step:
    """One instruction: its keyword, its `--flags` and the rest of the line."""

    keyword: str
    flags: dict[str, str]
    value: str


@dataclass
class Stage:
    """What the steps of one stage have built up."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    workdir: Path = Path(HOME)


def parse(text: str) -> list[Step]:
    """The instructions of a Dockerfile, comments gone and continued lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    steps = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        keyword, _, rest = line.strip().partition(" ")
        flags = {}
        while match := re.match(r"--([a-z-]+)=(\S+)\s+", rest.lstrip()):
            flags[match[1]] = match[2]
            rest = rest.lstrip()[match.end() :]
        steps.append(Step(keyword.upper(), flags, " ".join(rest.split())))
    return steps


def ignored(path: str, patterns: list[str]) -> bool:
    """Whether .dockerignore keeps a file (relative, with slashes) out of the image: the last match decides."""
    verdict = False
    parents = ["/".join(path.split("/")[:n]) for n in range(1, path.count("/") + 2)]
    for pattern in patterns:
        keep = pattern.startswith("!")
        body = pattern.removeprefix("!").strip("/")
        forms = [body.removeprefix("**/"), f"*/{body.removeprefix('**/')}"] if body.startswith("**/") else [body]
        if any(fnmatch.fnmatchcase(parent, form) for parent in parents for form in forms):
            verdict = not keep
    return verdict


def context(root: Path = ROOT) -> Iterator[str]:
    """Files that reach the image: what Git has or would take, less what .dockerignore names."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root, capture_output=True, check=True
    )
    patterns = [p for p in (root / ".dockerignore").read_text().splitlines() if p.strip() and not p.startswith("#")]
    for name in sorted(set(listing.stdout.decode().split("\0"))):
        if name and (root / name).is_file() and not ignored(name, patterns):
            yield name


def build(steps: list[Step], folder: Path, files: list[str]) -> tuple[Stage, dict[str, Step]]:
    """Run every stage; the last one's state, and the instructions that describe a running container."""
    finished: dict[str, Path] = {}
    running: dict[str, Step] = {}
    stage = Stage(folder / "app")
    name = ""
    for step in steps:
        print(f"{step.keyword} {step.value}", flush=True)
        if step.keyword == "FROM":
            if name:
                finished[name] = stage.folder.rename(folder / f"stage-{name}")
            name = step.value.split()[-1]
            stage = Stage(folder / "app", base_environment(folder))
            stage.folder.mkdir(parents=True)
        elif step.keyword in {"ENV", "ARG"}:
            for pair in shlex.split(step.value):
                key, _, value = pair.partition("=")
                stage.env[key] = mapped(expanded(value, stage.env), stage)
        elif step.keyword == "COPY":
            copy(step, stage, finished, files)
        elif step.keyword == "RUN":
            run(step, stage)
        elif step.keyword in {"CMD", "HEALTHCHECK"}:
            running[step.keyword] = step
    return stage, running


def base_environment(folder: Path) -> dict[str, str]:
    """What a step starts from: nothing of this machine but how it reaches the network, which a build needs too."""
    network = {k: v for k, v in os.environ.items() if k.startswith("PIP_") or k.lower().endswith("_proxy")}
    return {**network, "PATH": os.environ["PATH"], "HOME": str(folder)}


def expanded(value: str, env: dict[str, str]) -> str:
    """A value with ${NAME} filled in."""
    return re.sub(r"\$\{(\w+)\}", lambda match: env.get(match[1], ""), value)


def mapped(text: str, stage: Stage) -> str:
    """The image's folder, in a command or a variable, as the folder of this dry run."""
    return re.sub(rf"(?<![\w.]){HOME}(?=/|:|\s|$)", lambda _: str(stage.folder), text)


def copy(step: Step, stage: Stage, finished: dict[str, Path], files: list[str]) -> None:
    *sources, target = shlex.split(step.value)
    into = stage.folder / target.removeprefix(HOME).strip("/")
    for source in sources:
        if "from" in step.flags:
            shutil.copytree(finished[step.flags["from"]] / source.removeprefix(HOME).strip("/"), into, symlinks=True)
            continue
        matches = [f for f in files if source == "." or f == source or f.startswith(source.rstrip("/") + "/")]
        if not matches:
            raise SystemExit(f"COPY {source}: no such file reaches the image; does .dockerignore keep it out?")
        for name in matches:
            place = into / Path(name).relative_to(source if (ROOT / source).is_dir() else Path(source).parent)
            if target != "./" and target != "." and not (ROOT / source).is_dir():
                place = into
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place)


def run(step: Step, stage: Stage) -> None:
    if any(word in step.value for word in NEEDS_AN_ENGINE):
        print("  left out: needs an engine")
        return
    started = time.monotonic()
    command = ["sh", "-c", mapped(step.value, stage)]
    subprocess.run(command, cwd=stage.folder, env=stage.env, check=True, stdin=subprocess.DEVNULL)
    print(f"  {time.monotonic() - started:.0f} s")


def serve(stage: Stage, running: dict[str, Step], limit_s: float) -> int:
    """Start the image's CMD and ask its HEALTHCHECK until it is content, or the time is over."""
    check = json.loads(running["HEALTHCHECK"].value.partition("CMD ")[2])
    log = (stage.folder.parent / "cmd.log").open("w")
    command = json.loads(running["CMD"].value)
    process = subprocess.Popen(
        command, cwd=stage.folder, env=stage.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL
    )
    deadline = time.monotonic() + limit_s
    try:
        while process.poll() is None and time.monotonic() < deadline:
            if subprocess.run(check, cwd=stage.folder, env=stage.env, capture_output=True, check=False).returncode == 0:
                print("healthy")
                return 0
            time.sleep(5)
    finally:
        process.terminate()
        process.wait(30)
    print(f"not healthy after {limit_s:.0f} s, or ended with {process.returncode}: see {log.name}")
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="a folder that does not exist yet")
    parser.add_argument("--run", action="store_true", help="also run the image's CMD until it is healthy")
    parser.add_argument("--limit", type=float, default=1800, help="seconds that CMD may take to become healthy")
    options = parser.parse_args()
    folder = options.folder.absolute()
    folder.mkdir(parents=True)
    # The base image has one interpreter called python; here it is the one that runs this script.
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(sys.executable)
    os.environ["PATH"] = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    os.environ.pop("PYTHONPATH", None)
    stage, running = build(parse((ROOT / "Dockerfile").read_text(encoding="utf-8")), folder, list(context()))
    subprocess.run(["dvc", "stage", "list"], cwd=stage.folder, env=stage.env, check=True, stdin=subprocess.DEVNULL)
    return serve(stage, running, options.limit) if options.run else 0


if __name__ == "__main__":
    sys.exit(main())
