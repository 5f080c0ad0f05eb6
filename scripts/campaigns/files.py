"""Tampered models and hostile recordings, each in a child with limits of time and memory.

The cases come from tests/support/tampering.py and tests/support/hostile.py, where they are there.
"""

from __future__ import annotations

import importlib
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from campaigns.common import CLEAR, LIMIT_BYTES, LIMIT_S, WORKED, Lab, Result, child

Make = Callable[[Path], Any]
INGEST = """
import sys
from spikebridge import config
from spikebridge.stage import output, stage_main
from spikebridge.io import ingest
from pathlib import Path

def run(_):
    settings_ = config.load("params.yaml")
    settings_ = settings_.model_copy(update={"data": settings_.data.model_copy(update={"path": sys.argv[1]})})
    with output(Path(sys.argv[2])) as folder:
        ingest(settings_, folder)

stage_main(run)
"""


def tampering(lab: Lab, count: int) -> Iterator[Result]:
    """A served model, changed, and asked to predict. A change that still is a possible model may work."""
    module = _module("tampering")
    if module is None:
        return
    for folder in sorted(p for p in (lab.project / "runs" / "train").glob("*/model") if p.is_dir()):
        counts = _counts(lab, folder)
        plausible = getattr(module, "plausible", lambda name: False)
        for name, make in _chosen(module.tampered_models(folder), count, lab.seed):
            with tempfile.TemporaryDirectory(dir=lab.work) as place:
                copy = Path(place) / "model"
                shutil.copytree(folder, copy, symlinks=True)
                make(copy)
                ended = child(_cli("predict", str(copy), str(counts)), lab.project, LIMIT_S, LIMIT_BYTES)
            held = ended.outcome == CLEAR or (ended.outcome == WORKED and plausible(name))
            detail = "" if held else ended.text
            yield Result(f"{folder.parent.name}: {name}", ended.outcome, held, detail, ended.seconds)


def _counts(lab: Lab, folder: Path) -> Path:
    path = lab.work / f"counts-{folder.parent.name}.npy"
    windows = sorted((lab.project / "data" / "windows").glob("*.npz"))[0]
    with np.load(windows) as stored:
        np.save(path, stored["source"][:2].astype(np.float32))
    return path


def hostile(lab: Lab, count: int) -> Iterator[Result]:
    """Recordings that are broken or malicious. One that a reader can make sense of may be read."""
    module = _module("hostile")
    if module is None:
        return
    for name, make in _chosen(module.hostile_inputs(), count, lab.seed):
        with tempfile.TemporaryDirectory(dir=lab.work) as place:
            folder = Path(place) / "recordings"
            folder.mkdir()
            made = make(folder)
            given = str(made if isinstance(made, str | Path) else folder)
            script = [sys.executable, "-c", INGEST, given, str(Path(place) / "ingested")]
            for door, command in (("inspect", _cli("inspect", given)), ("ingest", script)):
                ended = child(command, lab.project, LIMIT_S, LIMIT_BYTES)
                held = ended.outcome in {CLEAR, WORKED} or (door == "inspect" and _reported(ended.code, ended.text))
                outcome = WORKED if held and ended.outcome != CLEAR else ended.outcome
                yield Result(f"{name}, {door}", outcome, held, "" if held else ended.text, ended.seconds)


def _reported(code: int, text: str) -> bool:
    """`inspect` ends with 1 where something is still to be filled in or mended."""
    return code == 1 and bool(text.strip()) and "Traceback (most recent call last)" not in text


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None


def _chosen(cases: list[tuple[str, Make]], count: int, seed: int) -> list[tuple[str, Make]]:
    """All of them, or `count` at random."""
    return cases if not count or count >= len(cases) else random.Random(seed).sample(cases, count)


def _cli(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "spikebridge.cli", *arguments]
