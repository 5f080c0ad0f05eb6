"""What the stage nested_models writes, runs/nested_models:

decoding.json            the nested models of a decision, and the parts of the window that are decoded alone
decoding/<model>/        out-of-fold predictions and training intervals, as those of a trained model
time_resolved/<part>/    the same of each part of the window
encoding/                the nested models of target spikes:
    trials.parquet       recording, block, step, split_hash (text), trial, fold (int64), time_s (float64, seconds),
                         nats, spikes (float64); one row a trial and model, nats over each unit's training mean rate
    units.parquet        recording, block, step, split_hash (text), unit, fold (int64), nats, spikes (float64); sums
                         over the trials of a block
    settings.csv         recording, fold, step, part, setting, penalty of what each model adds
    about.json           names of the models, why some are missing, and the time that each fold learned from
    held_out_rates/      see spikebridge.artifacts.held_out_rates
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

    Parameters
    ----------
    name : str
        Of the model.
    reference : str
        Name of the model that the gain is over.
    family : str
        Of the test of the gain; "" where the gain is described and not tested.
    missing : str
        Why the data do not allow the model; "" where they do.
    settings : sequence of mapping
        The chosen settings of each outer fold.
    inner_loss : sequence of float
        Their log loss, nats, summed over the inner validation trials of each outer fold.
    """

    name: str
    reference: str = ""
    family: str = ""
    missing: str = ""
    settings: Sequence[Mapping[str, Any]] = ()
    inner_loss: Sequence[float] = ()


@dataclass(frozen=True)
class WindowPart:
    """A part of the window that is decoded alone.

    Parameters
    ----------
    name : str
        Of the part.
    of : str
        What is decoded: the source's counts, or latents.
    first, stop : int
        Bins [first, stop).
    """

    name: str
    of: str
    first: int
    stop: int


@dataclass(frozen=True)
class DecodingModels:
    """The content of decoding.json.

    Parameters
    ----------
    split_hash : str
        Of the split manifest.
    models : sequence of DecodingModel
        In the order in which they are nested.
    parts : sequence of WindowPart
        Parts of the window.
    confounds : sequence of str
        Columns that are controlled for.
    confound_control : str
        How they are.
    """

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

    Parameters
    ----------
    models : sequence of str
        Every name in order.
    trials : DataFrame
        recording, trial, fold, block, time_s (seconds), step (the model), nats, spikes: one row a trial and model, nats
        against each unit's training mean rate.
    units : DataFrame
        recording, unit, fold, block, step, nats, spikes: sums over the trials of a block.
    settings : DataFrame
        recording, fold, step, part, setting, penalty of what each model adds.
    training_intervals : mapping
        Model -> fold -> the time that it was learned from.
    missing : mapping of str to str
        Name -> why the data do not allow the model.
    rates : sequence of HeldOutRates
        Of the target's history and of the models after it, one part a model.
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
    """The folder of the stage: where its files are, and how they are written and read.

    Parameters
    ----------
    folder : Path
        The folder.
    """

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
        """The results of one nested model of a decision.

        Parameters
        ----------
        model : str
            Its name.

        Returns
        -------
        TrainingRun
            Its folder.
        """
        return TrainingRun(self.folder / "decoding" / model)

    def time_resolved(self, part: str) -> TrainingRun:
        """The results of one part of the window.

        Parameters
        ----------
        part : str
            Its name.

        Returns
        -------
        TrainingRun
            Its folder.
        """
        return TrainingRun(self.folder / "time_resolved" / part)

    def write_decoding(self, models: DecodingModels) -> None:
        """Write decoding.json.

        Parameters
        ----------
        models : DecodingModels
            The content.
        """
        write_json(self.about_decoding, asdict(models))

    def read_decoding(self) -> DecodingModels:
        """Read decoding.json.

        Returns
        -------
        DecodingModels
            The content.

        Raises
        ------
        DataError
            With the file and what it lacks.
        """
        content = read_json(self.about_decoding)
        try:
            models = [DecodingModel(**entry) for entry in content.pop("models")]
            parts = [WindowPart(**entry) for entry in content.pop("parts")]
            return DecodingModels(models=models, parts=parts, **content)
        except (KeyError, TypeError) as error:
            raise DataError(f"{self.about_decoding}: expected nested models of a decision ({error}); {AGAIN}") from None

    def write_encoding(self, models: EncodingModels, split_hash: str) -> None:
        """Write the folder encoding/, which must not be there yet.

        Parameters
        ----------
        models : EncodingModels
            The content.
        split_hash : str
            Of the split manifest.
        """
        self.encoding.mkdir()
        models.trials.assign(split_hash=split_hash).to_parquet(self.encoding / "trials.parquet", index=False)
        models.units.assign(split_hash=split_hash).to_parquet(self.encoding / "units.parquet", index=False)
        models.settings.to_csv(self.encoding / "settings.csv", index=False)
        write_held_out_rates(self.encoding, models.rates)
        intervals = {name: dict(folds) for name, folds in models.training_intervals.items()}
        about = {"models": list(models.models), "missing": dict(models.missing), "training_intervals": intervals}
        write_json(self.about_encoding, {"split_hash": split_hash, **about})

    def read_encoding(self) -> tuple[EncodingModels, dict[str, TrainingIntervals]]:
        """Read the folder encoding/.

        Returns
        -------
        models : EncodingModels
            Without their settings and rates.
        intervals : dict of str to TrainingIntervals
            Name of a model -> the time that it was learned from.

        Raises
        ------
        DataError
            With the file and what it lacks.
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
