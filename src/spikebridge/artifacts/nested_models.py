"""What the stage nested_models writes, runs/nested_models:

decoding.json                  the nested models of a decision, and the parts of the window that are decoded alone
decoding/<model>/              out-of-fold predictions and training intervals, as those of a trained model
time_resolved/<part>/          the same of each part of the window
encoding/                      trials.parquet, units.parquet, settings.csv, about.json: the nested models of target
                               spikes; held_out_rates/: see spikebridge.artifacts.held_out_rates
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from spikebridge.artifacts.held_out_rates import HeldOutRates, write_held_out_rates
from spikebridge.artifacts.json_files import read_json, write_json
from spikebridge.artifacts.training import IntervalLists, TrainingIntervals, TrainingRun
from spikebridge.artifacts.trial_tables import KEYS, read_trials
from spikebridge.errors import DataError

NESTED_MODELS_FOLDER = Path("runs") / "nested_models"
"""Of the stage, in the folder of a project."""
TRANSLATOR = "seq2seq"
"""The model whose latents the nested models read."""
UNITS = ["recording", "unit", "fold", "block", "step", "nats", "spikes"]
AGAIN = "run the stage nested_models again"


@dataclass(frozen=True)
class DecodingModel:
    """One nested model of a decision.

    reference: name of the model that the gain is over. family: of the test of the gain, "" where it is described.
    missing: why the data do not allow the model, "" where they do. settings, inner_loss: of each outer fold, the chosen
    settings, and their log loss (nats) summed over the inner validation trials.
    """

    name: str
    reference: str = ""
    family: str = ""
    missing: str = ""
    settings: Sequence[Mapping[str, Any]] = ()
    inner_loss: Sequence[float] = ()


@dataclass(frozen=True)
class WindowPart:
    """A part of the window that is decoded alone: bins [first, stop) of the source's counts or of latents (`of`)."""

    name: str
    of: str
    first: int
    stop: int


@dataclass(frozen=True)
class DecodingModels:
    """decoding.json. models: in the order in which they are nested. confounds: columns that are controlled for."""

    split_hash: str
    models: Sequence[DecodingModel]
    parts: Sequence[WindowPart] = ()
    confounds: Sequence[str] = ()
    confound_control: str = ""

    @property
    def fitted(self) -> list[str]:
        """Names of the models that the data allow."""
        return [model.name for model in self.models if not model.missing]


@dataclass(frozen=True)
class EncodingModels:
    """The nested models of target spikes, out of fold.

    models: every name in order. missing: name -> why the data do not allow it. trials: recording, trial, fold, block,
    time_s, step (the model), nats, spikes: one row a trial and model, nats against each unit's training mean rate.
    units: recording, unit, fold, block, step, nats, spikes: sums over the trials of a block. settings: recording, fold,
    step, part, setting, penalty of what each model adds. training_intervals: model -> fold -> the time that it was
    learned from. rates: of the target's history and of the models after it, one part a model.
    """

    models: Sequence[str]
    trials: pd.DataFrame = field(default_factory=pd.DataFrame)
    units: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=UNITS))
    settings: pd.DataFrame = field(default_factory=pd.DataFrame)
    training_intervals: Mapping[str, Mapping[int, IntervalLists]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    rates: Sequence[HeldOutRates] = ()

    @property
    def fitted(self) -> list[str]:
        """Names of the models that the data allow."""
        return [name for name in self.models if name not in self.missing]


@dataclass(frozen=True)
class NestedModelRun:
    """The folder of the stage: where its files are, and how they are written and read."""

    folder: Path

    @property
    def about_decoding(self) -> Path:
        return self.folder / "decoding.json"

    @property
    def encoding(self) -> Path:
        return self.folder / "encoding"

    @property
    def about_encoding(self) -> Path:
        return self.encoding / "about.json"

    def decoding(self, model: str) -> TrainingRun:
        """The results of one nested model of a decision."""
        return TrainingRun(self.folder / "decoding" / model)

    def time_resolved(self, part: str) -> TrainingRun:
        """The results of one part of the window."""
        return TrainingRun(self.folder / "time_resolved" / part)

    def write_decoding(self, models: DecodingModels) -> None:
        write_json(self.about_decoding, asdict(models))

    def read_decoding(self) -> DecodingModels:
        """Raises DataError naming the file and what it lacks."""
        content = read_json(self.about_decoding)
        try:
            models = [DecodingModel(**entry) for entry in content.pop("models")]
            parts = [WindowPart(**entry) for entry in content.pop("parts")]
            return DecodingModels(models=models, parts=parts, **content)
        except (KeyError, TypeError) as error:
            raise DataError(f"{self.about_decoding}: expected nested models of a decision ({error}); {AGAIN}") from None

    def write_encoding(self, models: EncodingModels, split_hash: str) -> None:
        """Write the folder encoding/, which must not be there yet."""
        self.encoding.mkdir()
        models.trials.assign(split_hash=split_hash).to_parquet(self.encoding / "trials.parquet", index=False)
        models.units.assign(split_hash=split_hash).to_parquet(self.encoding / "units.parquet", index=False)
        models.settings.to_csv(self.encoding / "settings.csv", index=False)
        write_held_out_rates(self.encoding, models.rates)
        intervals = {name: dict(folds) for name, folds in models.training_intervals.items()}
        about = {"models": list(models.models), "missing": dict(models.missing), "training_intervals": intervals}
        write_json(self.about_encoding, {"split_hash": split_hash, **about})

    def read_encoding(self) -> tuple[EncodingModels, dict[str, TrainingIntervals]]:
        """The models without their settings and rates, and name -> training intervals.

        Raises DataError naming the file and what it lacks.
        """
        about = read_json(self.about_encoding)
        try:
            names, missing, intervals = about["models"], about["missing"], about["training_intervals"]
            models = EncodingModels(tuple(names), missing=missing)
            learned = {
                name: TrainingIntervals.parse({"split_hash": about["split_hash"], "folds": intervals[name]})
                for name in models.fitted
            }
        except KeyError as error:
            raise DataError(f"{self.about_encoding}: expected {error.args[0]!r}; {AGAIN}") from None
        if not models.fitted:
            return models, {}
        trials = read_trials(self.encoding / "trials.parquet", [*KEYS, "step", "nats", "spikes"])
        units = pd.read_parquet(self.encoding / "units.parquet")
        folds = {name: of_model.folds for name, of_model in learned.items()}
        return EncodingModels(models.models, trials, units, training_intervals=folds, missing=missing), learned
