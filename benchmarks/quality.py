"""Every model of the product on the simulator and on real recordings, on identical folds: what it tells, what it costs.

    python benchmarks/quality.py                                  # both; an hour or so
    python benchmarks/quality.py --on real --models seq2seq ridge random_forest dnn
    python benchmarks/quality.py --on simulator --quick           # a look in two minutes, at small data
    python benchmarks/quality.py --on regimes                     # simulated data that are not linear; regimes.md
    python benchmarks/quality.py --extras --on simulator          # CEBRA and NeMoS, those that are installed
    python benchmarks/quality.py --extras --lfads path/to/lfads-torch --lfads-python path/to/its/python

writes benchmarks/results/quality.md and quality.csv; with --extras quality_extras.md and .csv, in which some of our
own models are compared with those of other libraries: same folds, gaps, baseline, shrinkage, number of tuning trials.
LFADS is run from your checkout of lfads-torch, in its own environment and under its own licence; nothing of it is in
this project. A run that is limited to one data set leaves the other's results as they are. Simulator: the recordings
of params.yaml, as `make repro` makes them. Real: the folder --data with the parameters
examples/steinmetz/params.yaml. Everything is made in a temporary folder by the library's own ingest, write_windows,
make_splits, tune, train and evaluate; nothing of the project is read or touched but parameters. Models that are not
in the parameter file run with their defaults, and those of the target's own history only with --all.

Each model is tuned and trained in a process of its own. Seconds are those of tune and train as a user would wait for
them, with the workers that compute.workers gives; cpu_s is the processor's time, which other work on the machine
changes little. Memory is the highest resident memory of the largest process, sampled every 50 ms.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import extras
import regimes
from common import RESULTS, SETS, SHARED_DATA, made_by, markdown, measured, prepare, settings_of, write_part
from spikebridge import config, evaluation, models
from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.out_of_fold import Decisions
from spikebridge.artifacts.tuning import TuningRun
from spikebridge.config import Config
from spikebridge.errors import ConfigError, DataError, SpikebridgeError
from spikebridge.evaluation import EvaluationSections
from spikebridge.evaluation.inputs import Inputs, read
from spikebridge.evaluation.resampling import Resampling
from spikebridge.evaluation.translation_scores import source_score
from spikebridge.fitting import training, tuning
from spikebridge.metrics import clustered
from spikebridge.runtime.hashing import digest, source_hash
from spikebridge.runtime.stage import one_thread, output, say
from spikebridge.statistics import cluster_bootstrap

INTRO = (
    "# Quality: every model on identical folds\n\nIntervals resample clusters: recordings where there are at least "
    "six, else test blocks; within a recording always its test blocks. See the head of benchmarks/quality.py."
)
OURS = "seq2seq"
LINEAR = ("ridge", "reduced_rank", "poisson_glm")
"""The yardsticks that translate by a linear map of the source's counts."""
AGAINST = ("random_forest", "dnn", "logistic")
"""Those that decide by the source's counts. OURS decides by its shared latents alone."""
POOLED, MEAN = "all", "mean of recordings"
SOURCE = "source_bits_per_spike"
COLUMNS = ["data", "model", "recording", "metric", "value", "ci_low", "ci_high"]


def default_models(histories: bool) -> list[str]:
    """Every model there is; those of the target's own history only where they are asked for, and none that is extra."""
    own = [m for m in models.names() if not models.get_class(m).extra]
    return [m for m in own if histories or not models.get_class(m).uses_target_past]


# --- one model --------------------------------------------------------------------------------------------------------


def tune_and_train(model: str, work: Path) -> dict[str, Any]:
    """Tune and train one model; its costs, or why it cannot be used with these data."""
    settings = config.parse(json.loads((work / "settings.json").read_text(encoding="utf-8")))
    if model == extras.LFADS:
        extras.use_lfads()
        settings = extras.one_process(settings)
    tuned, trained, data = work / "tune" / model, work / "train" / model, (work / "windows", work / "splits.json")
    try:
        with one_thread():
            with measured() as tune, output(tuned) as folder:
                tuning.tune(tuning.TuningSections.of(settings), model, *data, work / "studies" / model, folder)
            with measured() as train, output(trained) as folder:
                best = TuningRun(tuned).best
                training.train(
                    model, settings.seed, settings.baseline, settings.compute, *data, best, folder, lambda _: None
                )
    except SpikebridgeError as error:
        return {"skipped": str(error)}
    return {
        "tune_s": tune.seconds,
        "train_s": train.seconds,
        "cpu_s": tune.cpu_s + train.cpu_s,
        "peak_mb": max(tune.peak_mb, train.peak_mb),
    }


def in_process(model: str, work: Path) -> dict[str, Any]:
    """`tune_and_train` in a process of its own, or what it wrote before in this folder."""
    cost = work / "train" / f"{model}.cost.json"
    if not cost.is_file():
        command = [sys.executable, __file__, "--one", model, "--work", str(work)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{model} failed:\n{done.stderr}")
        cost.parent.mkdir(exist_ok=True)
        cost.write_text(done.stdout.splitlines()[-1], encoding="utf-8")
    costs: dict[str, Any] = json.loads(cost.read_text(encoding="utf-8"))
    return costs


# --- one data set -----------------------------------------------------------------------------------------------------


def study(name: str, a: argparse.Namespace, work: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """All models on one data set: a long table with COLUMNS, and {model: why it was left out}."""
    if a.lfads:
        extras.use_lfads()
    wanted = a.models or (extras.extra_models(a.lfads) if a.extras else default_models(a.all))
    settings = extras.with_lfads(settings_of(name, a.data, wanted, a.quick, a.params), a)
    # a parameter file may ask for recordings however few: that is for its tests, and these are descriptions
    settings = settings.model_copy(update={"statistics": settings.statistics.model_copy(update={"cluster": "auto"})})
    work = work / f"{name}_{digest(settings.model_dump_json(), source_hash())[:12]}"
    work.mkdir(parents=True, exist_ok=True)
    settings = prepare(settings, name, work)
    (work / "settings.json").write_text(settings.model_dump_json(), encoding="utf-8")
    costs: dict[str, dict[str, Any]] = {}
    for model in settings.models:
        costs[model] = in_process(model, work)
        say(f"{name}, {model}: " + ", ".join(f"{k} {v:.0f}" if k != "skipped" else v for k, v in costs[model].items()))
    left_out = {m: c.pop("skipped") for m, c in costs.items() if "skipped" in c}
    settings = settings.model_copy(update={"models": {m: p for m, p in settings.models.items() if m not in left_out}})
    with output(work / "evaluation") as folder:
        evaluation.evaluate(
            EvaluationSections.of(settings),
            work / "windows",
            work / "splits.json",
            work / "train",
            Path(settings.data.path),
            folder,
        )
    inputs = read(settings.models, work / "windows", work / "splits.json", work / "train")
    rows = [*scores(work / "evaluation", settings), *by_recording(inputs, settings)]
    rows += [*source_by_recording(inputs, settings), *ratios(inputs, settings)]
    rows += [(m, POOLED, key, value, np.nan, np.nan) for m, c in costs.items() for key, value in c.items()]
    return pd.DataFrame([(name, *row) for row in rows], columns=COLUMNS), left_out


Row = tuple[str, str, str, float, float, float]
"""model, recording, metric, value, ci_low, ci_high."""


def scores(folder: Path, settings: Config) -> Iterator[Row]:
    """What evaluate wrote: bits/spike, AUC, and the paired differences of AUC."""
    run = EvaluationRun(folder)
    metrics = run.read_metrics()
    for model, score in metrics["translation"].items():
        yield (model, POOLED, "bits_per_spike", *_interval(score["bits_per_spike"]))
        yield (model, POOLED, SOURCE, *_interval(score[SOURCE]))
        for recording, value in score["per_recording"].items():
            yield (model, recording, "bits_per_spike", *_interval(value))
    for model, score in metrics["models"].items():
        for metric in ("auc", "balanced_accuracy"):
            yield (model, POOLED, metric, *_interval(score[metric]))
    compared = run.read_comparisons()
    for row in compared[(compared["metric"] == "auc") & (compared["test"] == "cluster_bootstrap")].itertuples():
        if row.model_a == OURS and row.model_b in AGAINST:
            yield (_minus(row.model_b), POOLED, "auc", row.estimate, row.ci_low, row.ci_high)
        elif row.model_b == OURS and row.model_a in AGAINST:  # the pair stands the other way round
            yield (_minus(row.model_a), POOLED, "auc", -row.estimate, -row.ci_high, -row.ci_low)


def _interval(score: Mapping[str, Any]) -> tuple[float, float, float]:
    value, low, high = (np.nan if score[k] is None else float(score[k]) for k in ("value", "ci_low", "ci_high"))
    return value, low, high


def _minus(other: str) -> str:
    return f"{OURS} - {other}"


def by_recording(inputs: Inputs, settings: Config) -> Iterator[Row]:
    """AUC within each recording and the paired gains there, intervals over its test blocks; and the mean gain.

    The mean over the recordings is resampled by drawing the blocks of every recording anew, each by itself.
    """
    alpha = settings.statistics.alpha
    gains: dict[str, list[tuple[float, NDArray[np.float64]]]] = {m: [] for m in AGAINST}
    blocks = 0
    for number, recording in enumerate(inputs.recordings):
        drawn: dict[str, tuple[float, NDArray[np.float64]]] = {}
        n = 0
        for model, d in inputs.decisions.items():
            resampling, auc = _auc(d, recording, settings, number)
            n = len(resampling.clusters)
            drawn[model] = float(auc(resampling.ones)[0]), auc(resampling.weights)
            interval = cluster_bootstrap.interval_from_samples(*drawn[model], n, alpha)
            yield (model, recording, "auc", interval.value, interval.ci_low, interval.ci_high)
        blocks += n
        for other in gains:
            if OURS in drawn and other in drawn:
                gain = drawn[OURS][0] - drawn[other][0], drawn[OURS][1] - drawn[other][1]
                gains[other].append(gain)
                interval = cluster_bootstrap.interval_from_samples(*gain, n, alpha)
                yield (_minus(other), recording, "auc", interval.value, interval.ci_low, interval.ci_high)
    for other, each in gains.items():
        if each:
            value, draws = np.mean([v for v, _ in each]), np.mean([d for _, d in each], axis=0)
            interval = cluster_bootstrap.interval_from_samples(float(value), draws, blocks, alpha)
            yield (_minus(other), MEAN, "auc", interval.value, interval.ci_low, interval.ci_high)


def _auc(d: Decisions, recording: str, settings: Config, number: int) -> tuple[Resampling, clustered.Score]:
    in_recording = (d.table["recording"] == recording).to_numpy()
    rng = np.random.default_rng([settings.seed, number])  # the same draws for every model: the difference is paired
    by_block = settings.statistics.model_copy(update={"cluster": "block"})
    resampling = Resampling.of(d.table[in_recording], by_block, rng)
    return resampling, clustered.auc(d.label[in_recording], d.evidence[in_recording], resampling.clusters.index)


def source_by_recording(inputs: Inputs, settings: Config) -> Iterator[Row]:
    """Bits/spike that the source adds to the baseline in each recording, intervals over its test blocks."""
    by_block = settings.statistics.model_copy(update={"cluster": "block"})
    for number, recording in enumerate(inputs.recordings):
        for model, t in inputs.translations.items():
            in_recording = (t.table["recording"] == recording).to_numpy()
            of_recording = replace(t, table=t.table[in_recording].reset_index(drop=True))
            rng = np.random.default_rng([settings.seed, number])
            resampling = Resampling.of(of_recording.table, by_block, rng)
            interval = resampling.interval(source_score(of_recording, resampling.clusters.index))
            yield (model, recording, SOURCE, *_interval(interval))


def ratios(inputs: Inputs, settings: Config) -> Iterator[Row]:
    """Bits/spike that the source adds, seq2seq over each linear yardstick, pooled, clusters drawn together.

    Not of all bits/spike: the baseline, which is the same for all, would dilute the ratio.
    """
    translations = inputs.translations
    if OURS not in translations:
        return
    table = translations[OURS].table
    resampling = Resampling.of(table, settings.statistics, np.random.default_rng([settings.seed, 99]), inputs.animals)
    k = len(resampling.clusters)
    for other in LINEAR:
        if other in translations:
            ours, theirs = (source_score(translations[m], resampling.clusters.index) for m in (OURS, other))
            value = float(ours(resampling.ones)[0] / theirs(resampling.ones)[0])
            draws = ours(resampling.weights) / theirs(resampling.weights)
            interval = cluster_bootstrap.interval_from_samples(value, draws, k, settings.statistics.alpha)
            yield (f"{OURS} / {other}", POOLED, SOURCE, interval.value, interval.ci_low, interval.ci_high)


# --- the report -------------------------------------------------------------------------------------------------------


def best_linear(results: pd.DataFrame, recording: str = POOLED) -> tuple[str, float]:
    """The linear yardstick in which the source adds most in a recording, or pooled, and the bits/spike it adds."""
    bits = results[(results["metric"] == SOURCE) & (results["recording"] == recording)]
    values = bits[bits["model"].isin(LINEAR)].set_index("model")["value"]
    if values.empty:
        raise DataError(f"expected one of {', '.join(LINEAR)} to compare with, found none")
    return str(values.idxmax()), float(values.max())


def wide(results: pd.DataFrame, metric: str, operator: str = "") -> pd.DataFrame:
    """One row a model, one column a recording: value [interval]. operator: rows that join two models by it."""
    joined = (
        results["model"].str.contains(f" {operator} ", regex=False) if operator else results["model"].str.contains(" ")
    )
    rows = results[(results["metric"] == metric) & (joined if operator else ~joined)]
    cells = rows.assign(cell=[_cell(r.value, r.ci_low, r.ci_high) for r in rows.itertuples()])
    order = dict.fromkeys(rows["recording"])
    table = cells.pivot(index="model", columns="recording", values="cell").reindex(columns=sorted(order, key=_last))
    return table.reindex(index=list(dict.fromkeys(rows["model"]))).fillna("").reset_index()


def _last(recording: str) -> tuple[bool, bool, str]:
    return recording == MEAN, recording == POOLED, recording


def _cell(value: float, low: float, high: float) -> str:
    return f"{value:.3f}" + (f" [{low:.3f}, {high:.3f}]" if np.isfinite(low) else "")


def summary_lines(results: pd.DataFrame) -> list[str]:
    """The figures that the product is judged by, in words."""
    lines = []
    bits = results[results["metric"] == SOURCE].set_index(["model", "recording"])
    if (OURS, POOLED) in bits.index and set(LINEAR) & set(results["model"]):
        other, value = best_linear(results)
        row = bits.loc[(f"{OURS} / {other}", POOLED)]
        lines.append(
            f"- The source adds {bits['value'][OURS, POOLED]:.4f} bits/spike to the baseline in {OURS}, {value:.4f} in "
            f"the best linear yardstick ({other}): {_cell(row.value, row.ci_low, row.ci_high)} times as much."
        )
        each = [r for r in dict.fromkeys(results["recording"]) if r not in (POOLED, MEAN)]
        for name, best in ((r, best_linear(results, r)) for r in each):
            lines.append(f"- {name}: {bits['value'][OURS, name]:.4f}, best linear ({best[0]}) {best[1]:.4f}.")
    for other in AGAINST:
        rows = results[results["model"] == _minus(other)].set_index("recording")
        if len(rows):
            above = int((rows.drop([POOLED, MEAN])["value"] > 0).sum())
            mean = rows.loc[MEAN]
            lines.append(
                f"- AUC of {OURS} (shared latents alone) above {other}: in {above} of {len(rows) - 2} recordings, mean "
                f"gain {_cell(mean.value, mean.ci_low, mean.ci_high)}."
            )
    return lines


def section(name: str, results: pd.DataFrame, left_out: Mapping[str, str], about: str, summary: bool = False) -> str:
    """The Markdown of one data set. summary: one row a model comes first."""
    costs = results[results["metric"].isin(["tune_s", "train_s", "cpu_s", "peak_mb"])]
    table = costs.pivot(index="model", columns="metric", values="value")[["tune_s", "train_s", "cpu_s", "peak_mb"]]
    table = table.reindex(list(dict.fromkeys(costs["model"]))).round(1).reset_index()
    parts = [
        ("Bits/spike of the target, held out, against the training mean", wide(results, "bits_per_spike")),
        ("Bits/spike that the source adds to the baseline, which is the same for all", wide(results, SOURCE)),
        (f"What the source adds in {OURS} over what it adds in a linear yardstick", wide(results, SOURCE, "/")),
        ("AUC of the decision, held out", wide(results, "auc")),
        ("AUC, paired differences", wide(results, "auc", "-")),
        ("Cost of tuning and training", table),
    ]
    lines = [f"## {name}", "", *summary_lines(results), ""]
    if summary:
        parts.insert(0, ("All recordings together", extras.summary(results)))
    for title, part in parts:
        if len(part):
            lines += [f"### {title}", "", *markdown(part), ""]
    lines += [f"{model} is left out: {why}" for model, why in left_out.items()]
    return "\n".join([*lines, *([""] if left_out else []), about, ""])


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--on", nargs="+", choices=(*SETS, regimes.NAME), default=list(SETS), help="data sets")
    parser.add_argument("--data", type=Path, default=SHARED_DATA, help="folder of real recordings")
    parser.add_argument("--params", type=Path, help="another parameter file than the data set's own")
    parser.add_argument("--models", nargs="+", help="only these models")
    parser.add_argument("--all", action="store_true", help="the models of the target's own history too (slow)")
    extras.add_arguments(parser)
    parser.add_argument("--quick", action="store_true", help="small data, two folds, hardly any training")
    parser.add_argument("--work", type=Path, help="keep what is made here; models that are done there are taken over")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    a = parser.parse_args(words)
    a.extras |= a.lfads is not None
    return a


def main(words: Sequence[str] | None = None) -> None:
    words = sys.argv[1:] if words is None else words
    a = parse(words)
    if a.one:
        print(json.dumps(tune_and_train(a.one, a.work)))
        return
    try:
        for name in a.on:
            if name == regimes.NAME:
                print(regimes.write(a, words, tune_and_train))
                continue
            if name == "real" and not a.data.is_dir():
                say(f"real: skipped, there is no folder {a.data}; name one with --data")
                continue
            with tempfile.TemporaryDirectory() as scratch:
                results, left_out = study(name, a, a.work or Path(scratch))
            about = made_by("quality.py", words, extras.packages(results)) + extras.about_lfads(results, a)
            text = section(name, results, left_out, about, a.extras)
            write_part(a.out / ("quality_extras" if a.extras else "quality"), INTRO, name, results, text)
            print(text)
    except (ConfigError, DataError) as error:
        raise SystemExit(f"quality: {error}") from None


if __name__ == "__main__":
    main()
