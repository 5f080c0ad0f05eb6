"""Are the claims that a study may make true? Models are fitted to a study, and scored on trials that come after it.

    python benchmarks/claims.py                                   # ten minutes or so, two processes
    python benchmarks/claims.py --seeds 1 --trials 40 --fresh 40  # a quick look
    python benchmarks/claims.py --tuned runs/tune                 # with the settings that `dvc repro` has found

writes benchmarks/results/claims.md and claims.csv. A simulated study has the default recordings, but each goes on for
three times as many trials after those that are learned from. What a declared comparison claims from 660 trials is held
against the difference on 1,980 new ones a seed, of the same units and more of the same drift, a minute between.
No trial is used twice, no interval of a study is looked at: this is the truth that the study's claims are about.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common import RESULTS, made_by, markdown, settings_of
from recovery import recorded
from spikebridge import models
from spikebridge.artifacts.tuning import TuningRun
from spikebridge.config import ComputeConfig, Config, WindowSections
from spikebridge.config.declared_tests import BASELINE, DECIDING, TRANSLATING
from spikebridge.metrics import information
from spikebridge.metrics.decision import balanced_accuracy_within_blocks
from spikebridge.preprocess import make_windows
from spikebridge.runtime import parallel
from spikebridge.runtime.stage import say
from spikebridge.simulate import simulate_session
from spikebridge.splits import make_splits, select_windows
from spikebridge.statistics import cluster_bootstrap
from spikebridge.types import Windows

PAUSE_S = 60.0
BLOCK = 22  # trials, as long as a test block of the default study
PAIRS = [
    *((m, BASELINE, "balanced accuracy") for m in DECIDING),
    *((DECIDING[0], m, "balanced accuracy") for m in DECIDING[1:]),
    (*TRANSLATING, "bits/spike"),
]
COLUMNS = ["model_a", "model_b", "metric", "recordings", "fresh_trials", "difference", "ci_low", "ci_high", "above"]


def parts(settings: Config, fresh: int) -> tuple[list[Windows], list[Windows]]:
    """The study's windows of every recording, and the labelled windows that come after."""
    knobs = settings.simulate
    longer = knobs.model_copy(update={"n_trials": knobs.n_trials + fresh})
    study, after = [], []
    for number in range(knobs.n_recordings):
        session = simulate_session(longer, np.random.default_rng([settings.seed, number]), f"rec{number}", "rat")
        windows = make_windows(recorded(session), WindowSections.of(settings), ("skip", "stay"))[0]
        end = float(np.sort(windows.stop_s[windows.labelled])[: knobs.n_trials][-1])
        study.append(windows.select(windows.stop_s <= end + 1e-9))
        after.append(windows.select(windows.labelled & (windows.start_s >= end + PAUSE_S)))
    return study, after


def score(job: tuple[Config, str, dict[str, Any], int], _: parallel.Report) -> list[dict[str, Any]]:
    """One row a recording: score of a model on the trials after the study."""
    settings, name, params, fresh = job
    study, after = parts(settings, fresh)
    full = make_splits(study, settings.split).full
    model = models.create(name, params)
    model.fit(
        select_windows(study, full.train), select_windows(study, full.valid), np.random.default_rng([settings.seed, 3])
    )
    rows = []
    for learned, new in zip(study, after, strict=True):
        prediction, row = model.predict(new), {"seed": settings.seed, "model": name, "recording": new.recording}
        if model.decides and prediction.probabilities is not None:
            block = np.arange(len(new)) // BLOCK
            decided = model.decide(prediction.probabilities, new.recording)
            value = float(np.nanmean(balanced_accuracy_within_blocks(new.label, decided, block, len(new.classes))))
            rows.append({**row, "metric": "balanced accuracy", "n": len(new), "value": value})
        if prediction.rates is not None:
            nats, spikes = information(prediction.rates, new.target, learned.target.mean(axis=(0, 1)))
            value = float(nats.sum() / spikes.sum() / np.log(2))
            rows.append({**row, "metric": "bits/spike", "n": len(new), "value": value})
    return rows


def tuned(folder: Path | None, settings: Config) -> dict[str, dict[str, Any]]:
    """Settings of each model: those of the last fit in `folder`, or params.yaml's with defaults for what is tuned."""
    params = {}
    for name, values in settings.models.items():
        run = TuningRun(folder / name) if folder else None
        if run is not None and run.best.is_file():
            params[name] = run.read_settings().params["full"]
        else:
            params[name] = {k: v for k, v in values.items() if v != "tune"}
    return params


def differences(table: pd.DataFrame) -> pd.DataFrame:
    """One row a declared pair: mean over recordings of all seeds, interval from resampling recordings."""
    rows = []
    for a, b, metric in PAIRS:
        wide = table[table["metric"] == metric].pivot_table(
            index=["seed", "recording"], columns="model", values="value"
        )
        if not {a, b} <= set(wide.columns):
            continue
        d = (wide[a] - wide[b]).to_numpy()
        weights = cluster_bootstrap.resample_weights(len(d), 10_000, np.random.default_rng(0))
        interval = cluster_bootstrap.bootstrap_interval(lambda w, d=d: w @ d / w.sum(axis=1), weights)  # type: ignore[misc]
        n = int(table[(table["model"] == a) & (table["metric"] == metric)]["n"].sum())
        rows.append([a, b, metric, len(d), n, interval.value, interval.ci_low, interval.ci_high, int((d > 0).sum())])
    return pd.DataFrame(rows, columns=COLUMNS)


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2, help="studies; the first has the seed of params.yaml")
    parser.add_argument("--trials", type=int, help="of the study, a recording; the simulator's default otherwise")
    parser.add_argument("--fresh", type=int, help="new trials a recording; three times the study's otherwise")
    parser.add_argument("--models", nargs="*", default=[*dict.fromkeys([*DECIDING, BASELINE, *TRANSLATING])])
    parser.add_argument("--tuned", type=Path, help="runs/tune of a finished pipeline")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    words = sys.argv[1:] if words is None else words
    a = parse(words)
    base = settings_of("simulator", Path(), a.models)
    knobs = base.simulate.model_copy(update={"n_trials": a.trials} if a.trials else {})
    base = base.model_copy(update={"simulate": knobs})
    chosen = tuned(a.tuned, base)
    jobs = [
        (base.model_copy(update={"seed": base.seed + k}), name, chosen[name], a.fresh or 3 * knobs.n_trials)
        for k in range(a.seeds)
        for name in a.models
    ]
    workers = parallel.n_workers(ComputeConfig(workers=a.workers), len(jobs))
    libraries = [library for name in a.models for library in models.get_class(name).libraries]
    rows = parallel.run_jobs(score, jobs, workers, say, libraries)
    table = pd.DataFrame([row for job_rows in rows for row in job_rows])
    compared = differences(table)
    a.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(a.out / "claims.csv", index=False, lineterminator="\n")
    means = table.groupby(["model", "metric"], as_index=False)["value"].mean()
    lines = ["# Claims of a study, and trials that came after it", "", NOTE.format(pause=PAUSE_S), "",
             *markdown(compared), "", *markdown(means), "", made_by("claims.py", words), ""]  # fmt: skip
    (a.out / "claims.md").write_text("\n".join(lines), encoding="utf-8")
    say("\n".join(markdown(compared)))


NOTE = (
    "Models fitted to simulated studies of the default size, scored on later trials of the same recordings, {pause:g} "
    "s or more after the last trial learned from. difference: mean over recordings of model_a less model_b, with the "
    "interval over recordings; above: recordings in which model_a is ahead. What a study claims should be "
    "above zero here."
)


if __name__ == "__main__":
    main()
