"""The ladder of explanations and the declared comparisons on real recordings, with recordings as clusters.

    python benchmarks/quality.py --on real --work somewhere       # tunes and trains every model; half an hour or more
    python benchmarks/nested_models.py --work somewhere/real_...  # a minute or two

writes benchmarks/results/ladder.md and ladder.csv from the models that quality.py has left in its folder: the steps
are fitted in the same outer folds (stage `nested_models`), and everything is evaluated as `dvc repro` does, but with
statistics.cluster: recording. Few recordings then decide nothing, and the verdicts say how many would.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from common import RESULTS, made_by, markdown
from spikebridge import config, evaluation, nested_models
from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.config import Config
from spikebridge.evaluation import EvaluationSections
from spikebridge.nested_models import NestedModelsSections
from spikebridge.runtime.stage import one_thread, say

STEPS = ["kind", "step", "metric", "value", "ci_low", "ci_high", "reference", "gain", "gain_low", "gain_high", "p",
         "p_holm", "verdict"]  # fmt: skip
TESTS = [
    "family",
    "model_a",
    "model_b",
    "metric",
    "estimate",
    "ci_low",
    "ci_high",
    "p",
    "p_holm",
    "n_clusters",
    "verdict",
]
SHOWN = {"decision": "balanced_accuracy_within_blocks", "translation": "bits_per_spike"}
CONFOUNDS = ("contrast_left", "contrast_right")


def settings_in(work: Path) -> Config:
    """The settings of that folder; recordings are clusters, and contrasts, where they are covariates, confounds."""
    settings = config.load(work / "settings.json")  # JSON is YAML
    known = [c for c in CONFOUNDS if c in settings.trials.covariates]
    return settings.model_copy(
        update={
            "statistics": settings.statistics.model_copy(update={"cluster": "recording"}),
            "nested_models": settings.nested_models.model_copy(update={"confounds": known}),
        }
    )


def tables(work: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """ladder.csv, and the primary rows of comparisons.csv."""
    settings, places = settings_in(work), (work / "windows", work / "splits.json", work / "train")
    with tempfile.TemporaryDirectory() as made, one_thread():
        nested_models.fit_nested_models(NestedModelsSections.of(settings), *places, Path(made) / "ladder")
        out = Path(made) / "evaluation"
        evaluation.evaluate(
            EvaluationSections.of(settings),
            *places,
            Path(settings.data.path),
            out,
            nested_models_folder=Path(made) / "ladder",
        )
        results = EvaluationRun(out)
        nested, compared = results.read_nested_models(), results.read_comparisons()
        assert nested is not None
        return nested, compared[compared["role"] == "primary"]


def main(words: Sequence[str] | None = None) -> None:
    words = sys.argv[1:] if words is None else words
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="a folder that quality.py has filled")
    parser.add_argument("--out", type=Path, default=RESULTS)
    a = parser.parse_args(words)
    steps, compared = tables(a.work)
    a.out.mkdir(parents=True, exist_ok=True)
    steps.to_csv(a.out / "ladder.csv", index=False, lineterminator="\n")
    lines = ["# The ladder, and the declared comparisons, with recordings as clusters", "", NOTE, ""]
    for kind, metric in SHOWN.items():
        rows = steps[(steps["kind"] == kind) & ((steps["metric"] == metric) | steps["value"].isna())]
        lines += [f"## {kind.capitalize()}: {metric}", "", *markdown(rows[STEPS].drop(columns=["kind", "metric"])), ""]
    lines += ["## Declared comparisons", "", *markdown(compared[TESTS]), "", made_by("nested_models.py", words), ""]
    (a.out / "ladder.md").write_text("\n".join(lines), encoding="utf-8")
    say("\n".join(lines))


NOTE = (
    "Each step is fitted in the same outer folds, its settings chosen on inner folds. gain: over the step named "
    "reference; its interval and p resample or flip whole recordings."
)


if __name__ == "__main__":
    main()
