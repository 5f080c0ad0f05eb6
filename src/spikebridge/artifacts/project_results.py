"""The results of a project folder as tables: `spikebridge.results()`.

Everything is read when it is asked for, by the owners of the files; nothing is computed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import pandas as pd

from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.artifacts.latents import ALIGNED
from spikebridge.artifacts.training import TRAINING_FOLDER, TrainingRun
from spikebridge.errors import DataError
from spikebridge.errors.messages import did_you_mean

if TYPE_CHECKING:
    import pynapple

SCORE_COLUMNS = ["model", "score", "value", "ci_low", "ci_high", "unit"]
UNITS = {"log_loss": "nats", "bits_per_spike": "bits/spike", "source_bits_per_spike": "bits/spike",
         "trial_contrast_bits_per_spike": "bits/spike"}  # fmt: skip
"""Score -> its unit; the others have none."""
LATENT_COLUMNS = ["recording", "trial", "fold", "label", "bin", "time_s", "time_from_decision_s"]


@dataclass(frozen=True)
class ProjectResults:
    """The results of the last run of a project.

    Parameters
    ----------
    folder : Path
        The folder with runs/ and reports/.
    """

    folder: Path

    def __repr__(self) -> str:
        return f"<results of {self.folder}: {', '.join(self.models) or 'no model trained yet'}>"

    @property
    def models(self) -> list[str]:
        """Names of the trained models."""
        trained = self.folder / TRAINING_FOLDER
        return sorted(p.name for p in trained.glob("*") if TrainingRun(p).fit.is_file())

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Held-out scores.

        Returns
        -------
        DataFrame
            One row a model and score: model, score, value, ci_low, ci_high (95 % interval), unit.

        Raises
        ------
        DataError
            Where the stage evaluate has not run.
        """
        content = self._evaluation().read_metrics()
        rows = [*_score_rows(content.get("models", {})), *_score_rows(content.get("translation", {}))]
        return pd.DataFrame(rows, columns=SCORE_COLUMNS)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """Every test of one model against another.

        Returns
        -------
        DataFrame
            The columns of comparisons.csv; role "primary" marks the declared tests.

        Raises
        ------
        DataError
            Where the stage evaluate has not run.
        """
        return self._evaluation().read_comparisons()

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Held-out decisions of every model that decides.

        Returns
        -------
        DataFrame
            One row a model and trial: model, recording, trial, fold, block, time_s (of the decision, seconds), label,
            predicted, p_<class>.

        Raises
        ------
        DataError
            Where no model that decides is trained.
        """
        tables = []
        for model in self.models:
            run = TrainingRun(self.folder / TRAINING_FOLDER / model)
            if run.predictions.is_file():
                table = run.read_predictions()
                hidden = [c for c in table.columns if c == "split_hash" or str(c).startswith("share_")]
                table = table.drop(columns=hidden)
                table.insert(0, "model", model)
                tables.append(table)
        if not tables:
            raise DataError(
                f"{self.folder}: no held-out predictions yet, expected {TRAINING_FOLDER}/<model>; make repro"
            )
        return pd.concat(tables, ignore_index=True)

    @overload
    def latents(self, model: str | None = None, as_: Literal["table"] = "table") -> pd.DataFrame: ...
    @overload
    def latents(self, model: str | None = None, *, as_: Literal["pynapple"]) -> dict[str, pynapple.TsdFrame]: ...
    def latents(
        self, model: str | None = None, as_: Literal["table", "pynapple"] = "table"
    ) -> pd.DataFrame | dict[str, pynapple.TsdFrame]:
        """Latents of held-out trials, on the axes of the saved model, so that folds can be plotted together.

        Parameters
        ----------
        model : str, optional
            A model with latents; None for the only one.
        as_ : str
            "table" or "pynapple".

        Returns
        -------
        DataFrame or dict
            One row a trial and bin: recording, trial, fold, label, bin, time_s (centre of the bin),
            time_from_decision_s, latent_1, latent_2, ... As pynapple: recording -> TsdFrame of the latents by time.

        Raises
        ------
        DataError
            Where there is no such model, none with latents, or several and none is named.
        """
        if as_ not in ("table", "pynapple"):
            raise DataError(f"as_: expected 'table' or 'pynapple', got {as_!r}")
        path = TrainingRun(self.folder / TRAINING_FOLDER / self._with_latents(model)).latents
        table = _held_out_latents(path)
        if as_ == "table":
            return table
        return dict(_as_pynapple(table))

    def _with_latents(self, model: str | None) -> str:
        there = [m for m in self.models if TrainingRun(self.folder / TRAINING_FOLDER / m).latents.is_file()]
        if model is None and len(there) == 1:
            return there[0]
        known = ", ".join(there) or "none yet"
        if model is None:
            raise DataError(f"latents: expected the name of a model with latents; there are: {known}")
        if model not in there:
            hint = did_you_mean(model, there)
            raise DataError(f"latents: {model!r} has no latents in {self.folder}{hint} Models with latents: {known}")
        return model

    def _evaluation(self) -> EvaluationRun:
        run = EvaluationRun(self.folder / EVALUATION_FOLDER)
        if not run.metrics.is_file():
            raise DataError(f"{self.folder}: nothing has been evaluated yet, expected {EVALUATION_FOLDER}; make repro")
        return run


def _score_rows(models: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row for each entry with a value."""
    for model, scores in models.items():
        for name, entry in scores.items():
            if isinstance(entry, dict) and "value" in entry:
                ends = {key: entry.get(key) for key in ("value", "ci_low", "ci_high")}
                yield {"model": model, "score": name, **ends, "unit": UNITS.get(name, "")}


def _held_out_latents(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path, filters=[("held_out", "==", True)])
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a table of latents: {error}") from None
    latents = [c for c in table.columns if str(c).startswith(ALIGNED.format(""))]
    if missing := [c for c in LATENT_COLUMNS if c not in table.columns]:
        raise DataError(f"{path}: cannot be read as a table of latents: it lacks {', '.join(missing)}")
    table = table[[*LATENT_COLUMNS, *latents]]
    return table.sort_values(["recording", "time_s"], kind="stable", ignore_index=True)


def _as_pynapple(table: pd.DataFrame) -> Iterator[tuple[str, pynapple.TsdFrame]]:
    """(recording, its latents by time)."""
    try:
        import pynapple
    except ImportError:
        raise DataError("as_='pynapple' needs the package pynapple: pip install pynapple") from None
    latents = [c for c in table.columns if c.startswith(ALIGNED.format(""))]
    for recording, rows in table.groupby("recording", sort=True):
        values = rows[latents].to_numpy()
        yield str(recording), pynapple.TsdFrame(t=rows["time_s"].to_numpy(), d=values, columns=latents)
