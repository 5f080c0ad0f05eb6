"""Bad and odd inputs: how one is made, and how the stages of the pipeline answer it, run as a user does."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io import reader_names
from spikebridge.runtime.stage import stage_main

DURATION_S = 130.0
N_TRIALS = 12
IDS = (1, 2, 3, 4)
REGIONS = ("HC", "HC", "PFC", "PFC")
PARAMS: dict[str, Any] = {
    "data": {"path": "raw", "source": ["HC"], "target": ["PFC"]},
    "trials": {"align": "decision_time", "window_s": [-2.0, 0.0], "label": "choice"},
    "bins": {"width_s": 0.05},
    "split": {"n_outer_folds": 3, "gap_s": 0.0},
    "models": {"majority": {}},
    "compute": {"workers": 1},
}
READERS = "<readers>"
"""Stands for the names of all readers in an expected message, so that a new reader changes none."""
OUTPUTS = {"ingest": "data/ingested", "preprocess": "data/windows", "split": "data/splits.json"}


def spikes(name: str = "a", n: int = 130) -> dict[int, list[float]]:
    """Four sound units, on the clock of a 30 kHz amplifier; another name gives other spikes."""
    rng = np.random.default_rng([ord(c) for c in name])
    ticks = {unit: np.sort(rng.choice(int(DURATION_S * 30_000), n, replace=False)) for unit in IDS}
    return {unit: (t / 30_000).tolist() for unit, t in ticks.items()}


def steady(rate_hz: float, duration_s: float = DURATION_S, rest_s: float = 0.003) -> dict[int, list[float]]:
    """Four units as a neuron fires: at random, but for its refractory time, on the clock of a 30 kHz amplifier."""
    rng = np.random.default_rng(round(rate_hz))
    n = int(2 * rate_hz * duration_s) + 100
    every = {unit: np.cumsum(rest_s + rng.exponential(1 / rate_hz - rest_s, n)) for unit in IDS}
    return {unit: (np.rint(30_000 * t[t < duration_s]) / 30_000).tolist() for unit, t in every.items()}


def trials(**columns: Any) -> dict[str, list[Any]]:
    """Twelve sound trials, ten seconds apart; a column given as None is left out."""
    start = 1.0 + 10.0 * np.arange(N_TRIALS)
    table: dict[str, Any] = {
        "start_time": start.tolist(),
        "stop_time": (start + 5.0).tolist(),
        "decision_time": (start + 4.0).tolist(),
        "choice": ["stay", "skip"] * (N_TRIALS // 2),
    }
    return {name: list(values) for name, values in (table | columns).items() if values is not None}


@dataclass(frozen=True)
class Project:
    """A fresh folder with raw/ for recordings; params.yaml is written by `run`."""

    root: Path
    write_nwb: Callable[..., Path]

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    def nwb(self, name: str = "a", **changes: Any) -> Path:
        """A sound NWB file, but for what is changed; see the fixture write_nwb."""
        parts: dict[str, Any] = {"spikes": spikes(name), "trials": trials()} | changes
        if "columns" not in parts and "electrodes" not in parts:
            parts["columns"] = {"region": list(REGIONS[: len(parts["spikes"])])}
        return self.write_nwb(self.raw / f"{name}.nwb", **parts)

    def tables(self, name: str = "a", **changes: Any) -> Path:
        """A sound folder of tables, but for what is changed: a table as columns, a file as text, None for no file."""
        folder = self.raw / name
        folder.mkdir()
        sound = spikes(name)
        flat = [(unit, time) for unit, times in sound.items() for time in times]
        parts: dict[str, Any] = {
            "spikes": {"unit": [u for u, _ in flat], "time_s": [t for _, t in flat]},
            "units": {"unit": list(IDS), "region": list(REGIONS)},
            "trials": trials(),
            "recording": '{"animal": "rat", "observed": [[0.0, 130.0]]}',
        } | changes
        for stem, content in parts.items():
            file = folder / f"{stem}{'.json' if stem == 'recording' else '.csv'}"
            if isinstance(content, str):
                file.write_text(content, encoding="utf-8")
            elif content is not None:
                pd.DataFrame(content).to_csv(file, index=False)
        return folder


@dataclass(frozen=True)
class Case:
    """make: writes the input. said: the whole of stderr. stage: the one that says it; those before it are content."""

    make: Callable[[Project], None]
    message: str
    stage: str = "ingest"
    params: dict[str, dict[str, Any]] = field(default_factory=dict)
    around: Callable[[Project], contextlib.AbstractContextManager[None]] | None = None

    def __str__(self) -> str:
        return self.make.__name__


@dataclass
class Catalogue:
    """Cases by decoration: `@cases.add("a.nwb: ...", trials={"align": "go"})` over a function that writes the input."""

    cases: list[Case] = field(default_factory=list)

    def add(
        self, *lines: str, stage: str = "ingest", around: Any = None, **params: dict[str, Any]
    ) -> Callable[[Callable[[Project], None]], Callable[[Project], None]]:
        """said: the lines of the message."""

        def keep(make: Callable[[Project], None]) -> Callable[[Project], None]:
            self.cases.append(Case(make, "\n".join(lines), stage, params, around))
            return make

        return keep


def settings(changes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """PARAMS with some keys changed; a section "text" stands for the whole file."""
    return PARAMS | {name: PARAMS.get(name, {}) | section for name, section in changes.items()}


def write_params(project: Project, changes: dict[str, dict[str, Any]]) -> None:
    """params.yaml, unless the case wrote its own."""
    path = project.root / "params.yaml"
    if not os.path.lexists(path):
        path.write_text(yaml.safe_dump(settings(changes), allow_unicode=True), encoding="utf-8")


def run(stage: str) -> tuple[int, str]:
    """Exit code and stderr of one stage script, run in the current folder."""
    script = importlib.import_module(f"pipelines.{stage}")
    output, argv = io.StringIO(), sys.argv
    log = logging.StreamHandler(output)  # pytest takes what the logger would write to stderr
    logging.getLogger("spikebridge").addHandler(log)
    sys.argv = [f"pipelines/{stage}.py"]
    try:
        with contextlib.redirect_stderr(output):
            stage_main(script.main)
        code = 0
    except SystemExit as stop:
        code = int(str(stop.code))
    finally:
        sys.argv = argv
        logging.getLogger("spikebridge").removeHandler(log)
    return code, output.getvalue().replace(listed(reader_names()), READERS)


def answer(case: Case, project: Project) -> tuple[int, str]:
    """Make the input and run the stages up to the one of the case: exit code and stderr of that one."""
    project.raw.mkdir()
    case.make(project)
    write_params(project, case.params)
    before = list(OUTPUTS)[: list(OUTPUTS).index(case.stage)]
    with contextlib.chdir(project.root):
        for stage in before:
            code, output = run(stage)
            assert code == 0, f"{stage} was to be content, but said {output}"
        with case.around(project) if case.around else contextlib.nullcontext():
            return run(case.stage)


REFUSED = re.compile(r"^.+: refused, see below\n(?:  warning: .*\n)+", re.MULTILINE)


def refusal(output: str) -> str:
    """Without the warnings of recordings that are refused, which stand before the refusal."""
    return REFUSED.sub("", output)


def refuses(case: Case, project: Project) -> None:
    """Exit code 2, exactly this message, no output, nothing left behind; then the same over an earlier result."""
    code, output = answer(case, project)
    assert refusal(output) == case.message + "\n"
    assert code == 2
    target = project.root / OUTPUTS[case.stage]
    assert not target.exists()
    assert not list((project.root / "data").glob(".*")) if target.parent.exists() else True
    earlier = _earlier_result(target)
    with contextlib.chdir(project.root), case.around(project) if case.around else contextlib.nullcontext():
        assert run(case.stage) == (2, output)
    assert {p: p.read_bytes() for p in earlier} == earlier
    assert sorted(p for p in target.rglob("*") if p.is_file()) == sorted(p for p in earlier if p != target)
    assert not list(project.root.rglob("*.partial"))


def _earlier_result(target: Path) -> dict[Path, bytes]:
    """Files of an earlier result, with their bytes."""
    file = target if target.suffix else target / "earlier" / "recording.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"files": {}}', encoding="utf-8")
    return {file: file.read_bytes()}


def accepts(case: Case, project: Project) -> None:
    """Exit code 0, exactly these warnings on stderr, and the same ones in recording.json."""
    code, output = answer(case, project)
    assert output == case.message + "\n"
    assert code == 0
    if case.stage == "ingest":
        kept = [
            json.loads(p.read_text(encoding="utf-8")) for p in sorted((project.root / "data/ingested").glob("*/*.json"))
        ]
        told = [line.removeprefix("  warning: ") for line in output.splitlines() if line.startswith("  warning: ")]
        assert [str(Finding.from_dict(w)) for about in kept for w in about["warnings"]] == told


@contextlib.contextmanager
def nobody(project: Project) -> Iterator[None]:
    """As a user without rights: tests may run as root, whom no permission stops."""
    if os.geteuid() != 0:
        yield
        return
    for path in (project.root, *project.root.rglob("*")):
        if path.is_dir() and path.stat().st_mode & 0o700:
            path.chmod(0o777)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
