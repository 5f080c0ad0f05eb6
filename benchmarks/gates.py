"""What do the gates promote, and what is claimed, where the simulation holds no effect? Twenty seeds of each kind.

    python benchmarks/gates.py                                    # an hour or two on one core
    python benchmarks/gates.py --seeds 2 --trials 40              # a quick look

writes benchmarks/results/gates.md and gates.csv. A study is six small recordings of the simulator that go through the
library as `make repro` goes: ingest, windows, splits, tune, train, evaluate, gates. Settings of the models are fixed
and small (one tuning trial each). Kinds: `no_label` has spikes that know nothing of the choice, `no_coupling` regions
without a link, `default` both effects at their full size. Rows of a run that was broken off are kept and not made
again (--fresh makes all of them anew).

promoted: every decisive gate passed. decides: models whose primary test says that they beat the majority model, the
claim that `no_label` forbids. translates: models of which the gates would claim a translation, forbidden without
coupling. A claim that the truth forbids is a false one, whether or not anything was promoted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from common import RESULTS, made_by, markdown, prepare, settings_of
from spikebridge import config, evaluation, gates
from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.artifacts.training import TRAINING_FOLDER
from spikebridge.artifacts.tuning import TUNING_FOLDER, TuningRun
from spikebridge.config import Config
from spikebridge.evaluation import EvaluationSections
from spikebridge.fitting import training, tuning
from spikebridge.runtime.stage import one_thread, output, say

KINDS: dict[str, dict[str, float]] = {
    "no_label": {"label_information": 0.0},
    "no_coupling": {"coupling": 0.0},
    "default": {},
}
FALSE = {"no_label": "decides", "no_coupling": "translates"}
"""What the truth of a kind forbids to claim."""
SMALL: dict[str, Any] = {
    "simulate": {"n_recordings": 6, "n_trials": 50, "n_source_units": [20, 26], "n_target_units": [12, 16]},
    "bins": {"width_s": 0.1},
    "split": {"n_outer_folds": 2},
    "tune": {"n_trials": 1, "n_startup_trials": 1},
    "statistics": {"n_resamples": 2000},
    "compute": {"workers": 1, "device": "cpu"},
}
MODELS: dict[str, dict[str, Any]] = {
    "seq2seq": {
        "max_epochs": 5,
        "hidden_size": 12,
        "input_size": 12,
        "n_members": 1,
        "n_latents": 4,
        "n_readout_trees": 20,
    },
    "ridge": {"smoothing_s": 0.15, "max_lag_s": 0.3, "penalty": 30.0},
    "random_forest": {"n_estimators": 40},
    "dnn": {"max_epochs": 15},
    "majority": {},
}
COLUMNS = ["study", "seed", "chosen", "promoted", "gates_failed", "decides", "translates", "false_claims", "seconds"]


def settings_for(kind: str, seed: int, trials: int) -> Config:
    """Small settings with the seed and without the effect that the kind lacks."""
    raw = settings_of("simulator", Path(), ["majority"]).model_dump(mode="json")
    raw |= {section: raw[section] | changes for section, changes in SMALL.items()}
    raw["simulate"] |= {"n_trials": trials, **KINDS[kind]}
    return config.parse(raw | {"seed": seed, "models": MODELS})


def study(settings: Config, work: Path) -> dict[str, Any]:
    """One study in `work`, from spikes to gates: the columns chosen to translates."""
    settings = prepare(settings, "simulator", work)
    data = work / "windows", work / "splits.json"
    for model in settings.models:
        with output(work / TUNING_FOLDER / model) as folder:
            tuning.tune(tuning.TuningSections.of(settings), model, *data, work / "studies" / model, folder)
        with output(work / TRAINING_FOLDER / model) as folder:
            best = TuningRun(work / TUNING_FOLDER / model).best
            training.train(
                model, settings.seed, settings.baseline, settings.compute, *data, best, folder, lambda _: None
            )
    results = EvaluationRun(work / EVALUATION_FOLDER)
    with output(results.folder) as folder:
        data_path = Path(settings.data.path)
        evaluation.evaluate(EvaluationSections.of(settings), *data, work / TRAINING_FOLDER, data_path, folder)
    chosen = gates.best_model(list(settings.models), work)
    decided = gates.check(settings.statistics, gates.Newcomer(chosen, "", "", work))
    comparisons, alpha = results.read_comparisons(), settings.statistics.alpha
    primary = comparisons[(comparisons["family"] == "above_majority") & (comparisons["role"] == "primary")]
    better = primary[(primary["p_holm"] <= alpha) & (primary["estimate"] > 0)]["model_a"]
    claimed = gates.claims(results.read_metrics(), comparisons, alpha)
    return {
        "chosen": chosen,
        "promoted": not gates.failed(decided),
        "gates_failed": " ".join(gates.failed(decided)) or "none",
        "decides": " ".join(sorted(better)) or "none",
        "translates": " ".join(sorted(m for m, claim in claimed.items() if claim.holds)) or "none",
    }


def compare(seeds: int, trials: int, table: Path, known: pd.DataFrame) -> pd.DataFrame:
    """Every study of every seed, those in `known` left as they are; the table is written after each."""
    rows = known.to_dict("records")
    done = {(row["study"], row["seed"]) for row in rows}
    without = [(kind, seed) for seed in range(seeds) for kind in FALSE]  # what must not be promoted comes first
    for kind, seed in [*without, *((kind, seed) for seed in range(seeds) for kind in KINDS if kind not in FALSE)]:
        if (kind, seed) in done:
            continue
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            outcome = study(settings_for(kind, seed, trials), Path(folder))
        wrong = kind in FALSE and outcome[FALSE[kind]] != "none"
        seconds = round(time.perf_counter() - start, 1)
        rows.append({"study": kind, "seed": seed, **outcome, "false_claims": wrong, "seconds": seconds})
        say(f"{kind} {seed}: {'promoted' if outcome['promoted'] else 'candidate'} {outcome}")
        pd.DataFrame(rows)[COLUMNS].to_csv(table, index=False, lineterminator="\n")
    return pd.DataFrame(rows, columns=COLUMNS).sort_values(["study", "seed"], kind="stable", ignore_index=True)


def summary_lines(table: pd.DataFrame) -> list[str]:
    """Counts of each kind of study."""
    lines = []
    for kind in KINDS:
        part = table[table["study"] == kind]
        if len(part):
            counts = {c: int((part[c] != "none").sum()) for c in ("decides", "translates")}
            lines.append(
                f"- {kind}: promoted {int(part['promoted'].sum())} of {len(part)}; some model better than majority in "
                f"{counts['decides']}, some translation claimed in {counts['translates']}; "
                f"false claims in {int(part['false_claims'].sum())}."
            )
    return lines


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="of each kind of study")
    parser.add_argument("--trials", type=int, default=SMALL["simulate"]["n_trials"], help="of each recording")
    parser.add_argument("--fresh", action="store_true", help="make again what an earlier run left")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    words = sys.argv[1:] if words is None else words
    a = parse(words)
    a.out.mkdir(parents=True, exist_ok=True)
    path = a.out / "gates.csv"
    known = pd.read_csv(path) if path.is_file() and not a.fresh else pd.DataFrame(columns=COLUMNS)
    with one_thread():
        table = compare(a.seeds, a.trials, path, known)
    table.to_csv(path, index=False, lineterminator="\n")
    lines = [
        "# What the gates promote",
        "",
        *summary_lines(table),
        "",
        *markdown(table),
        "",
        made_by("gates.py", words),
    ]
    (a.out / "gates.md").write_text("\n".join([*lines, ""]), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
