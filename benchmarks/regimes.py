"""The simulated regimes: what seq2seq adds over linear translators where a linear map is enough, and where it is not.

    python benchmarks/quality.py --on regimes

writes benchmarks/results/regimes.md and regimes.csv. Smaller than the benchmark of quality: three recordings of each
regime, three outer folds, three tuning trials for every model, so that all regimes take some minutes on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from common import QUICK, made_by, markdown, prepare, settings_of
from spikebridge import config, evaluation
from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import BEYOND_LINEAR_TABLE
from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.evaluation import EvaluationSections
from spikebridge.evaluation.beyond_linear import ALL
from spikebridge.runtime.hashing import digest, source_hash
from spikebridge.runtime.stage import output, say

NAME = "regimes"
COLUMNS = ["regime", "model", "recording", "value", "ci_low", "ci_high", "best", "looks"]
"""Of regimes.csv: source bits/spike of a model, or their difference between two. best, looks: of differences; see
spikebridge.evaluation.beyond_linear."""
OURS = "seq2seq"
MODELS = (OURS, "poisson_glm", "ridge", "reduced_rank")
ORACLE = "oracle"
SMALL: Mapping[str, Mapping[str, Any]] = {
    "simulate": {"n_recordings": 3, "n_animals": 1},
    "split": {"n_outer_folds": 3},
    "tune": {"n_trials": 3, "n_startup_trials": 2},
    "compute": {"workers": 1},
}
THETA: Mapping[str, Any] = {"regime": "theta", "theta": 1.0}
REGIMES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "linear": {},
    "gated": {"simulate": {"regime": "gated"}},
    "integrated": {"simulate": {"regime": "integrated"}},
    "theta, bins of 50 ms": {"simulate": THETA},
    "theta, bins of 25 ms": {"simulate": THETA, "bins": {"width_s": 0.025}},
}
FINE: Mapping[str, Any] = {"smoothing_s": 0.015, "n_members": 1}
"""Of seq2seq with bins of 25 ms, which cost twice as much: one network. A wider kernel than this removes a rhythm of
8 Hz; the linear models tune theirs."""
INTRO = f"""# Regimes: what seq2seq adds over linear translators

Bits/spike that the source adds to the baseline, which is the same for all models of a regime; held out, with intervals
over test blocks. Every regime has the same rats, trials and units: what reaches the target differs
([docs/regimes.md](../../docs/regimes.md)). This is a small run:
{SMALL["simulate"]["n_recordings"]} recordings, {SMALL["split"]["n_outer_folds"]} outer folds, \
{SMALL["tune"]["n_trials"]} tuning trials of every model. The best linear translator of a regime is chosen on the
scored data, which favours it. The oracle knows the true latents and the state. With bins of 25 ms, which cost twice as
much, seq2seq is one network instead of two, and its `smoothing_s` is {FINE["smoothing_s"]:g}; the linear ones tune
theirs from 0.03 s, as elsewhere.
"""
Cost = Callable[[str, Path], dict[str, Any]]
"""Tunes and trains one model in a folder and returns its costs; `quality.tune_and_train`."""


def settings_of_regime(regime: str, a: argparse.Namespace) -> Config:
    """The parameters of params.yaml (or --params) with the changes of a regime."""
    raw = settings_of("simulator", a.data, a.models or MODELS, a.quick, a.params).model_dump(mode="json")
    changes = REGIMES[regime]
    for part in (SMALL, QUICK, changes) if a.quick else (SMALL, changes):
        raw |= {section: raw[section] | dict(values) for section, values in part.items()}
    if "bins" in changes and OURS in raw["models"]:
        raw["models"][OURS] |= FINE
    return config.parse(raw)


def write(a: argparse.Namespace, words: Sequence[str], cost: Cost) -> str:
    """Score every regime, write the table and the page; the page."""
    tables, seconds = [], 0.0
    for regime in REGIMES:
        settings = settings_of_regime(regime, a)
        with TemporaryDirectory() as scratch:
            work = (a.work or Path(scratch)) / f"regime_{digest(settings.model_dump_json(), source_hash())[:12]}"
            seconds += measure(settings, work, cost)
            tables.append(scores(EvaluationRun(work / "evaluation")).assign(regime=regime))
        say(f"{regime}: " + ", ".join(f"{r.model} {r.value:.4f}" for r in tables[-1].itertuples()))
    table = pd.concat(tables, ignore_index=True)[COLUMNS]
    a.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(a.out / f"{NAME}.csv", index=False, lineterminator="\n")
    text = page(table, f"{made_by('quality.py', words)} Tuning and training: {seconds:.0f} s of one core.")
    (a.out / f"{NAME}.md").write_text(text, encoding="utf-8")
    return text


def measure(settings: Config, work: Path, cost: Cost, name: str = "simulator") -> float:
    """Make the windows, tune, train and evaluate; seconds of the processor that tuning and training took.

    name: the data set, one of common.SETS.
    """
    work.mkdir(parents=True, exist_ok=True)
    settings = prepare(settings, name, work)
    (work / "settings.json").write_text(settings.model_dump_json(), encoding="utf-8")
    costs = {model: cost(model, work) for model in settings.models}
    if left_out := [f"{model}: {c['skipped']}" for model, c in costs.items() if "skipped" in c]:
        raise DataError("; ".join(left_out))
    with output(work / "evaluation") as folder:
        sections, data = EvaluationSections.of(settings), Path(settings.data.path)
        evaluation.evaluate(sections, work / "windows", work / "splits.json", work / "train", data, folder)
    return sum(float(c["cpu_s"]) for c in costs.values())


def scores(run: EvaluationRun) -> pd.DataFrame:
    """Source bits/spike of every translator and of the oracle, and the differences from the linear translators."""
    metrics, beyond = run.read_metrics(), run.read_table(BEYOND_LINEAR_TABLE)
    if beyond is None:
        raise DataError(f"expected {OURS} and a linear translator among the models, got {list(metrics['translation'])}")
    rows: list[dict[str, Any]] = [
        {"model": model, "recording": ALL, **score["source_bits_per_spike"]}
        for model, score in metrics["translation"].items()
    ]
    rows.append({"model": ORACLE, "recording": ALL, "value": run.read_recovery()["oracle"]["source_bits_per_spike"]})
    rows += [
        {"model": f"{OURS} - {r.linear}", "recording": r.recording, "value": r.difference}
        | {key: getattr(r, key) for key in ("ci_low", "ci_high", "best", "looks")}
        for r in beyond.itertuples()
    ]
    return pd.DataFrame(rows, columns=COLUMNS[1:])


def page(table: pd.DataFrame, about: str) -> str:
    """The Markdown page. table: with COLUMNS."""
    rows = pd.DataFrame([row(str(regime), part) for regime, part in table.groupby("regime", sort=False)])
    return "\n".join([INTRO, *markdown(rows), "", *_of_recordings(table), "", about, ""])


def row(regime: str, part: pd.DataFrame) -> dict[str, str]:
    """One row of the page: each translator, the oracle, and the difference from the best linear translator."""
    pooled = part[part["recording"] == ALL].set_index("model")
    bits = pooled["value"]
    best = pooled[pooled["best"] == True].iloc[0]  # noqa: E712  (the column holds booleans and gaps)
    linear = str(best.name).split(" - ")[1]
    return {
        "regime": regime,
        **{model: f"{bits[model]:.3f}" for model in (*MODELS, ORACLE) if model in bits},
        "seq2seq - best linear": f"{best['value']:.3f} [{best['ci_low']:.3f}, {best['ci_high']:.3f}]",
        "of best linear": f"{best['value'] / bits[linear]:+.0%}",
        "best linear / oracle": f"{bits[linear] / bits[ORACLE]:.0%}",
        "seq2seq / oracle": f"{bits[OURS] / bits[ORACLE]:.0%}",
        "the data look": str(best["looks"]),
    }


def _of_recordings(table: pd.DataFrame) -> Iterator[str]:
    """In how many recordings of each regime seq2seq is above the recording's best linear translator."""
    for regime, part in table.groupby("regime", sort=False):
        each = part[(part["recording"] != ALL) & (part["best"] == True)]  # noqa: E712
        above = int((each["value"] > 0).sum())
        yield f"- {regime}: {OURS} is above the best linear translator of the recording in {above} of {len(each)}."
