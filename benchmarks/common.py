"""What the benchmarks of models share: memory and time of a piece of work, tables in Markdown, and where it was run."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from spikebridge import config, models, simulate
from spikebridge.artifacts.recordings import IngestedRecordings
from spikebridge.artifacts.splits import save_splits
from spikebridge.artifacts.windows import load_animals, load_windows
from spikebridge.config import Config
from spikebridge.io import IngestSections, ingest
from spikebridge.preprocess import PreprocessSections, write_windows
from spikebridge.runtime.stage import output, say
from spikebridge.splits import make_splits

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data" / "recordings"
PACKAGES = ("spikebridge", "torch", "scikit-learn", "numpy")
SETS = ("simulator", "real")
QUICK: dict[str, Any] = {
    "simulate": {"n_recordings": 2, "n_trials": 40, "n_source_units": [14, 16], "n_target_units": [8, 10]},
    "split": {"n_outer_folds": 2},
    "tune": {"n_trials": 1, "n_startup_trials": 1},
    "statistics": {"n_resamples": 200},
    "compute": {"workers": 1},
}
QUICK_MODELS: dict[str, dict[str, Any]] = {
    "seq2seq": {"max_epochs": 3, "hidden_size": 16, "n_members": 1},
    "dnn": {"max_epochs": 3}, "random_forest": {"n_estimators": 10},
}  # fmt: skip


def settings_of(name: str, data: Path, wanted: Sequence[str], quick: bool = False, path: Path | None = None) -> Config:
    """The parameters of a data set, with only the models that are wanted; those it does not name get their defaults.

    A model that shares the random streams of another one (seq2seq_label_direction) gets the other one's section, so
    that the two differ in their decisions alone.
    name: one of SETS. data: folder of the real recordings. quick: small, and hardly any training. path: another
    parameter file than the data set's own.
    """
    own = ROOT / "params.yaml" if name == "simulator" else ROOT / "examples/steinmetz/params.yaml"
    raw = config.load(path or own).model_dump(mode="json")
    raw["models"] = {m: _section(raw["models"], m) for m in wanted}
    if quick:
        raw |= {section: raw[section] | changes for section, changes in QUICK.items()}
        raw["models"] = {m: _section(QUICK_MODELS, m) for m in wanted}
    if name == "real":
        raw["data"]["path"] = str(data.resolve())
    models.check_section(raw["models"])
    return config.parse(raw)


def _section(sections: Mapping[str, dict[str, Any]], model: str) -> dict[str, Any]:
    return sections.get(model, sections.get(models.random_stream(model), {}))


def there(names: Sequence[str], data: Path) -> Iterator[str]:
    """The data sets of these names; a line says where the folder of real recordings is not there."""
    for name in names:
        if name == "real" and not data.is_dir():
            say(f"real: skipped, there is no folder {data}; name one with --data")
        else:
            yield name


def prepare(settings: Config, name: str, work: Path) -> Config:
    """Ingest, windows and splits in `work`, made once; the settings with the path of the data."""
    if name == "simulator":
        settings = settings.model_copy(update={"data": settings.data.model_copy(update={"path": str(work / "data")})})
    if not (work / "splits.json").is_file():
        if name == "simulator" and not (work / "data").is_dir():
            with output(work / "data") as folder:
                simulate.simulate(settings.simulate, settings.seed, folder)
        with output(work / "ingested") as folder:
            ingest(IngestSections.of(settings), folder)
        with output(work / "windows") as folder:
            write_windows(IngestedRecordings(work / "ingested"), PreprocessSections.of(settings), folder)
        with output(work / "splits.json") as path:
            save_splits(
                make_splits(load_windows(work / "windows"), settings.split, animals=load_animals(work / "windows")),
                path,
            )
    return settings


def made_by(script: str, words: Sequence[str], more: Sequence[str] = ()) -> str:
    """The command, versions and machine in one line. more: packages to name beside the usual ones."""
    versions = ", ".join(f"{p} {version(p)}" for p in (*PACKAGES, *more))
    load = f", load {os.getloadavg()[1]:.1f} in the last five minutes" if hasattr(os, "getloadavg") else ""
    command = shlex.join(["python", f"benchmarks/{script}", *_told(words)])
    return (
        f"Made by `{command}` with {versions}, Python {platform.python_version()}, "
        f"{_cores()} cores ({platform.machine()}){load}."
    )


def _cores() -> str:
    """How many cores this process may use, and of how many where that is not all."""
    every = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else every
    return str(every) if usable == every else f"{usable} of {every}"


PLACES = {
    "--data": "path/to/recordings", "--params": "path/to/params.yaml", "--lfads": "path/to/lfads-torch",
    "--lfads-python": None, "--out": None, "--work": None,
}  # fmt: skip
"""Options that name a folder of this machine: what stands for it in a report; None leaves the option out."""


def _told(words: Sequence[str]) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        if word not in PLACES:
            yield word
            continue
        next(rest, None)
        stands = PLACES[word]
        if stands is not None:
            yield from (word, stands)


def markdown(table: pd.DataFrame) -> list[str]:
    """A table as lines of Markdown; numbers to four digits, nothing where there is none."""
    rows = [[shown(v) for v in row] for row in table.itertuples(index=False)]
    return [f"| {' | '.join(map(str, row))} |" for row in [list(table.columns), ["---"] * table.shape[1], *rows]]


def shown(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}"
    return str(value)


class Cost:
    """Seconds of the clock, seconds of the processor, and the highest resident memory of the largest process, MB."""

    def __init__(self) -> None:
        self.seconds = self.cpu_s = self.peak_mb = 0.0


@contextlib.contextmanager
def measured() -> Iterator[Cost]:
    """Measure the block, its worker processes included, whoever started them."""
    cost, done = Cost(), threading.Event()
    family = _Family()
    watcher = threading.Thread(target=_watch, args=(cost, family, done))
    watcher.start()
    start = time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - start
        done.set()
        watcher.join()
        family.look()
        cost.cpu_s = family.seconds()


class _Family:
    """The processor's seconds of this process and of all that descend from it, as last seen of those that have ended.

    What the system counts of ended children lacks those of a server that workers are forked from.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[int, float], float] = {}
        self.look()
        self._first = dict(self._last)

    def look(self) -> float:
        """Look at every process; the highest resident memory of one, MB."""
        me = psutil.Process()
        highest = 0.0
        for process in [me, *me.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                used = process.cpu_times()
                self._last[process.pid, process.create_time()] = used.user + used.system
                highest = max(highest, process.memory_info().rss / 2**20)
        return highest

    def seconds(self) -> float:
        return sum(seconds - self._first.get(key, 0.0) for key, seconds in self._last.items())


def _watch(cost: Cost, family: _Family, done: threading.Event) -> None:
    while not done.wait(0.05):
        cost.peak_mb = max(cost.peak_mb, family.look())


def write_part(stem: Path, intro: str, name: str, results: pd.DataFrame, text: str) -> None:
    """Replace what <stem>.md and <stem>.csv say of one data set; the other one's results stay as they are.

    results: a table with a column `data`, which is `name` throughout. text: Markdown that begins with "## <name>".
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    table, page = stem.with_suffix(".csv"), stem.with_suffix(".md")
    before = pd.read_csv(table) if table.is_file() else results.iloc[:0]
    kept = [part for part in (before[before["data"] != name], results) if len(part)]
    pd.concat(kept).sort_values("data", kind="stable").to_csv(table, index=False, lineterminator="\n")
    old = page.read_text(encoding="utf-8").split("\n## ")[1:] if page.is_file() else []
    sections = {part.split("\n")[0]: f"## {part}".rstrip() for part in old} | {name: text.rstrip()}
    page.write_text("\n\n".join([intro, *(sections[s] for s in SETS if s in sections)]) + "\n", encoding="utf-8")
