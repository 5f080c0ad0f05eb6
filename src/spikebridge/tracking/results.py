"""The result files under runs/ and reports/, read for logging and for printing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.artifacts.figures import FIGURES_FOLDER, FigureRun
from spikebridge.artifacts.report import REPORT_FOLDER
from spikebridge.artifacts.training import TRAINING_FOLDER, TrainingRun
from spikebridge.artifacts.tuning import TUNING_FOLDER, TuningRun
from spikebridge.config import Config
from spikebridge.text.keys import safe_key

FIRST_LEVEL = (
    "balanced_accuracy", "balanced_accuracy_ci_low", "balanced_accuracy_ci_high",
    "bits_per_spike", "bits_per_spike_ci_low", "bits_per_spike_ci_high",
    "auc", "log_loss", "inner_balanced_accuracy",
)  # fmt: skip
"""The scores of a model that are columns of MLflow's table of runs. With the three learning curves of the fit on all
trials they are a dozen; everything else has a name with a slash, or lies in scores.csv."""
REPORT = "report"
DECISION = ("balanced_accuracy", "balanced_accuracy_within_blocks", "accuracy", "auc", "log_loss", "brier")


@dataclass(frozen=True)
class Results:
    """Files of one execution. `project` is the folder with runs/ and reports/."""

    config: Config
    project: Path

    @property
    def evaluation(self) -> EvaluationRun:
        return EvaluationRun(self.project / EVALUATION_FOLDER)

    @property
    def figures(self) -> FigureRun:
        return FigureRun(self.project / FIGURES_FOLDER)

    def report_files(self) -> list[Path]:
        """The pages of the report and their methods; empty where it was not made."""
        folder = self.project / REPORT_FOLDER
        return sorted(path for path in folder.rglob("*") if path.is_file())

    def trained(self, model: str) -> TrainingRun:
        return TrainingRun(self.project / TRAINING_FOLDER / model)

    def tuned(self, model: str) -> TuningRun:
        return TuningRun(self.project / TUNING_FOLDER / model)

    def models(self) -> list[str]:
        """Trained models, in the order of params.yaml."""
        return [m for m in self.config.models if self.trained(m).fit.is_file()]

    def deciding(self) -> list[str]:
        return [m for m in self.models() if self.decides(m)]

    def decides(self, model: str) -> bool:
        """Whether the model predicts decisions; else it is a translation-only baseline."""
        return self.trained(model).predictions.is_file()

    def kind(self, model: str) -> dict[str, str]:
        """What sort of model it is: the parameters that MLflow shows first where runs are compared.

        Its page of comparison draws the first three parameters that differ, in the order of their names, with capital
        letters first, and ten letters of each value. Parameters of a fit say little there: other models have others.
        """
        translates = model in self.metrics().get("translation", {})
        tuned = self.tuned(model).read_settings() if self.tuned(model).best.is_file() else None
        trials = tuned.full.n_trials if tuned and tuned.tunable and tuned.full else 0
        return {
            "Model": model,
            "Predicts": ("both" if translates else "decision") if self.decides(model) else "spikes",
            "Tuning": f"{trials} trials" if trials else "none",
        }

    def metrics(self) -> dict[str, Any]:
        return self.evaluation.read_metrics()

    def scores(self, model: str) -> dict[str, float]:
        """All scores of a model, flat: outer scores with intervals, bits/spike, means of the inner scores."""
        content = self.metrics()
        outer = flatten(content.get("models", {}).get(model, {}))
        translation = content.get("translation", {}).get(model, {})
        bits = flatten({"bits_per_spike": translation.get("bits_per_spike")})
        return {**outer, **bits, **self.inner(model)}

    def score_table(self, model: str) -> pd.DataFrame:
        """metric, value, ci_low, ci_high: all scores of a model, outer and inner."""
        scores = self.scores(model)
        names = [name for name in scores if not name.endswith(("_ci_low", "_ci_high"))]
        rows = [[n, scores[n], scores.get(f"{n}_ci_low"), scores.get(f"{n}_ci_high")] for n in names]
        return pd.DataFrame(rows, columns=["metric", "value", "ci_low", "ci_high"])

    def by_recording(self, model: str) -> dict[str, float]:
        """Bits/spike of each recording, as bits_per_spike_in/<recording>; empty for a model that does not translate."""
        entry = self.metrics().get("translation", {}).get(model, {}).get("per_recording", {})
        return {f"bits_per_spike_in/{safe_key(name)}": score["value"] for name, score in entry.items()}

    def inner(self, model: str) -> dict[str, float]:
        """Means over outer folds of the inner scores, as inner_balanced_accuracy and so on."""
        tuned = self.tuned(model)
        if not tuned.best.is_file():
            return {}
        frame = pd.DataFrame([fold.inner for fold in tuned.read_settings().folds])
        means = frame.apply(pd.to_numeric, errors="coerce").mean()
        return {f"inner_{name}": float(value) for name, value in means.items() if math.isfinite(value)}


def flatten(entry: dict[str, Any]) -> dict[str, float]:
    """{"auc": {"value", "ci_low", "ci_high"}, "n": 3} -> {"auc", "auc_ci_low", "auc_ci_high", "n"}; no NaN, no text.

    Names of users, such as those of recordings, are converted to keys that MLflow accepts (see `safe_key`). If two
    paths give the same key ("a" then "b_c", "a_b" then "c"), the parts of the later one are joined by "/".
    """
    flat: dict[str, float] = {}
    for path, value in _numbers(entry):
        joined = "_".join(path)
        flat[joined if joined not in flat else "/".join(path)] = value
    return flat


def _numbers(entry: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    """(path of keys, number) of every finite number. A key "value" below another key is omitted from the path."""
    for name, value in entry.items():
        path = above if name == "value" and above else (*above, safe_key(name))
        if isinstance(value, dict):
            yield from _numbers(value, (*above, safe_key(name)))
        elif isinstance(value, (int, float)) and math.isfinite(value):
            yield path, float(value)
