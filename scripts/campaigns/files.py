"""Tampered models and hostile recordings, each in a child with limits of time and memory.

The cases come from tests/support/tampering.py and tests/support/hostile.py, where they are there.
"""

from __future__ import annotations

import importlib
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from campaigns.common import CLEAR, LIMIT_BYTES, LIMIT_S, OTHER, WORKED, Lab, Result, child
from spikebridge.models import get_class

Make = Callable[[Path], Any]
EXECUTED, LISTED = "executed code of the file", "one clear line with a list below it"
INGEST = """
import sys
from spikebridge import config
from spikebridge.runtime.stage import output, stage_main
from spikebridge.io import IngestSections, ingest
from pathlib import Path

def run(_):
    settings_ = config.load("params.yaml")
    settings_ = settings_.model_copy(update={"data": settings_.data.model_copy(update={"path": sys.argv[1]})})
    with output(Path(sys.argv[2])) as folder:
        ingest(IngestSections.of(settings_), folder)

stage_main(run)
"""


def tampering(lab: Lab, count: int) -> Iterator[Result]:
    """Every served model, changed in `count` ways (0: all), asked to predict. A change may leave a possible model."""
    module = _module("tampering")
    if module is None:
        return
    for folder in sorted(p for p in (lab.calm / "runs" / "train").glob("*/model") if p.is_dir()):
        counts, options = _asked(lab, folder)
        must_work(_cli("predict", str(folder), str(counts), *options), lab)
        for name, make in _chosen(module.tampered_models(folder), count, lab.seed):
            with tempfile.TemporaryDirectory(dir=lab.work) as place:
                marker, copy = Path(place) / "marker", Path(place) / "model"
                shutil.copytree(folder, copy, symlinks=True)
                make(copy)
                predict = _cli("predict", str(copy), str(counts), *options)
                ended = child(predict, lab.project, LIMIT_S, LIMIT_BYTES, {module.MARKER: str(marker)})
                outcome = EXECUTED if marker.exists() else strict(ended.outcome, ended.text)
            held = outcome == CLEAR or (outcome == WORKED and module.plausible(name))
            yield Result(f"{folder.parent.name}: {name}", outcome, held, "" if held else ended.text, ended.seconds)


def _asked(lab: Lab, folder: Path) -> tuple[Path, list[str]]:
    """Counts of two trials of the first recording, and what to ask a model about them."""
    path = lab.work / f"counts-{folder.parent.name}.npy"
    source = sorted((lab.calm / "data" / "windows").glob("*/source.npy"))[0]
    np.save(path, np.load(source)[:2].astype(np.float32))
    about = json.loads((folder / "model.json").read_text("utf-8"))
    output = "label" if get_class(about["model"]).decides else "target_rates"
    return path, ["--recording", source.parent.name, "--output", output]


def hostile(lab: Lab, count: int) -> Iterator[Result]:
    """Recordings that are broken or malicious. One that a reader can make sense of may be read."""
    module = _module("hostile")
    if module is None:
        return
    with tempfile.TemporaryDirectory(dir=lab.work) as place:
        for _, command in _doors(module.good_tables(Path(place) / "good"), Path(place)):
            must_work(command, lab)
    for name, make in _chosen(module.hostile_inputs(), count, lab.seed):
        with tempfile.TemporaryDirectory(dir=lab.work) as place:
            folder = Path(place) / "recordings"
            folder.mkdir()
            try:
                made = make(folder)
            except Exception as error:  # a defect of the case, which must not end the campaign
                yield Result(name, "not made", False, repr(error))
                continue
            for door, command in _doors(made if isinstance(made, str | Path) else folder, Path(place)):
                ended = child(command, lab.project, LIMIT_S, LIMIT_BYTES)
                reported = door == "inspect" and _reported(ended.code, ended.text)
                outcome = WORKED if reported else strict(ended.outcome, ended.text)
                held = outcome in {CLEAR, LISTED, WORKED}
                yield Result(f"{name}, {door}", outcome, held, "" if held else ended.text, ended.seconds)


def _doors(given: str | Path, place: Path) -> list[tuple[str, list[str]]]:
    ingest = [sys.executable, "-c", INGEST, str(given), str(place / "ingested")]
    return [("inspect", _cli("inspect", str(given))), ("ingest", ingest)]


def must_work(command: list[str], lab: Lab) -> None:
    """What is not changed has to work; else a refusal of what is changed would say nothing."""
    ended = child(command, lab.project, LIMIT_S, LIMIT_BYTES)
    if ended.outcome != WORKED and not _reported(ended.code, ended.text):
        raise SystemExit(f"{' '.join(command)}: expected to work, {ended.outcome}: {ended.text}")


def strict(outcome: str, text: str) -> str:
    """How a child ended; of errors, those in one line from those that list below it what is wrong or what there is."""
    first, *more = [line for line in text.splitlines() if line.strip()] or [""]
    if outcome != CLEAR:
        return outcome
    return OTHER if first.startswith("usage:") else LISTED if more else CLEAR


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
