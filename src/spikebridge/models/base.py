"""What every model is: fit, predict, save, load, and a space to tune in."""

from __future__ import annotations

import difflib
import importlib.util
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from spikebridge.config import Section
from spikebridge.errors import ConfigError, DataError
from spikebridge.models.parts.features import class_shares, join
from spikebridge.models.parts.saved_files import MODEL_FILE, check_manifest, read_saved_model, write_manifest
from spikebridge.types import History, Predictions, Windows

OnEpoch = Callable[[dict[str, float]], None]
Space = Mapping[str, tuple[Any, ...]]


class Params(Section):
    """Settings of one model; a key given in params.yaml is fixed, the others are tuned where the model tunes them."""


class Model(ABC):
    """One way to predict decisions (`decides`), target spikes (`translates`), or both, from source counts.

    `fit` sees only the windows that it is given; `predict` uses the source counts of its windows, and of the windows
    themselves no more than when they start (for drift) and whether they are a trial's. Two exceptions are declared,
    among the yardsticks: where `from_source` is False it may use behaviour, covariates and time of a window, and where
    `uses_target_past` is True the target's bins before the one that it predicts. Labels of its windows it never sees.
    A pooled model shares parameters between recordings; any other keeps one fit per recording behind the same face.
    """

    name: ClassVar[str]
    decides: ClassVar[bool] = True
    translates: ClassVar[bool] = False
    pooled: ClassVar[bool] = False
    early_stopping: ClassVar[bool] = False
    from_source: ClassVar[bool] = True  # source counts are all that a prediction needs; else it cannot be served
    uses_target_past: ClassVar[bool] = False  # the rate at t depends on the target's bins before t
    transfers: ClassVar[bool] = False  # can predict a recording whose units it has never seen
    extra: ClassVar[str | None] = (
        None  # the package that it needs beside the usual; pyproject.toml has an extra so named
    )
    Params: ClassVar[type[Params]] = Params
    space: ClassVar[Space] = {}

    def __init__(self, params: Mapping[str, Any] | None = None, device: str = "cpu") -> None:
        if missing := self.missing():
            raise ConfigError(missing)
        self.params = check_params(self.name, self.Params, params or {})
        self.device = device
        self.classes: tuple[str, ...] = ()
        self.bin_s = 0.0
        self.n_bins = 0
        self.units: dict[str, dict[str, list[int]]] = {}
        self.class_shares: dict[str, list[float]] = {}

    @classmethod
    def missing(cls) -> str:
        """What to do where the package of `extra` is not installed; nothing where the model can be used."""
        if cls.extra is None or importlib.util.find_spec(cls.extra) is not None:
            return ""
        return (
            f'model {cls.name} needs the package {cls.extra}, which is not installed: pip install ".[{cls.extra}]" in '
            f"the project's folder, or take models.{cls.name} out of params.yaml"
        )

    def fit(
        self,
        train: Sequence[Windows],
        valid: Sequence[Windows],
        rng: np.random.Generator,
        on_epoch: OnEpoch | None = None,
    ) -> History:
        """Learn from `train`, one Windows a recording; `valid` (same recordings, may be empty) says when to stop.

        A model that does not stop early learns from both. Labels in `valid` may be learned from: hide those to
        score by.
        on_epoch receives one dict a training epoch; an exception that it raises ends the fit.
        Raises DataError when the recordings disagree in bins, or have no window to learn from.
        """
        first = train[0]
        for w in train:
            if (w.n_bins, w.bin_s, w.classes) != (first.n_bins, first.bin_s, first.classes):
                raise DataError(
                    f"{w.recording}: expected {first.n_bins} bins of {first.bin_s} s and classes {first.classes} "
                    f"as in {first.recording}, got {w.n_bins} of {w.bin_s} s and {w.classes}"
                )
        self.classes, self.bin_s, self.n_bins = first.classes, first.bin_s, first.n_bins
        self.units, self.class_shares = {}, {}
        held = {w.recording: w for w in valid}
        for w in train:
            self._know(w, held.get(w.recording))
        if not self.early_stopping:
            train, valid = [join(w, held.get(w.recording)) for w in train], []
        rows: list[dict[str, float]] = []

        def note(row: dict[str, float]) -> None:
            rows.append(row)
            if on_epoch is not None:
                on_epoch(row)

        self._fit(train, valid, rng, note)
        return History(tuple(rows))

    def _know(self, w: Windows, more: Windows | None) -> None:
        """Write down the units of a recording, and the shares of its labels in both sets of windows."""
        self.units[w.recording] = {"source_units": w.source_units.tolist(), "target_units": w.target_units.tolist()}
        labels = [part.label for part in (w, more) if part is not None]
        self.class_shares[w.recording] = class_shares(np.concatenate(labels), len(w.classes)).tolist()

    @abstractmethod
    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None: ...

    @abstractmethod
    def predict(self, windows: Windows) -> Predictions:
        """Predict every window of one recording, in order. Raises DataError for a recording it was not fitted on."""

    def decide(self, probabilities: NDArray[np.float64], recording: str) -> NDArray[np.int64]:
        """(trial, class) -> (trial,), index of the decision: the class that the spikes speak for most.

        That is the largest ratio of probability to share among the labels learned from (by Bayes, the likelihood); it
        maximises balanced accuracy. The most probable class would, with weak evidence and one decision rarer than the
        other, nearly always be the frequent one.
        """
        shares = np.asarray(self.class_shares.get(recording, np.ones(len(self.classes))))
        return np.asarray((probabilities / shares).argmax(axis=1), dtype=np.int64)

    @abstractmethod
    def _save(self, folder: Path) -> None: ...

    @abstractmethod
    def _load(self, folder: Path) -> None:
        """Read what `_save` wrote. Raises DataError where it does not fit what model.json says."""

    def save(self, folder: Path) -> None:
        """Write model.json, the weights, and manifest.json over both; nothing is pickled.

        The same fit writes the same bytes.
        """
        folder.mkdir(parents=True, exist_ok=True)
        about = {
            "model": self.name,
            "classes": list(self.classes),
            "bin_s": self.bin_s,
            "n_bins": self.n_bins,
            "recordings": self.units,
            "class_shares": self.class_shares,
            "params": self.params.model_dump(mode="json"),
        }
        (folder / MODEL_FILE).write_text(json.dumps(about, indent=1), encoding="utf-8")
        self._save(folder)
        write_manifest(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; executes nothing of it.

        Raises DataError that names the file where files are changed, missing or added since they were saved, or where
        what they hold cannot be a model of this kind.
        """
        about = read_saved_model(folder)
        check_manifest(folder)
        try:
            model = cls(about.params)
        except ConfigError as error:
            raise DataError(f"{folder / MODEL_FILE}: {str(error).partition('; ')[0]}") from None
        model.classes = tuple(about.classes)
        model.bin_s, model.n_bins = about.bin_s, about.n_bins
        model.units = {name: units.model_dump() for name, units in about.recordings.items()}
        model.class_shares = dict(about.class_shares)
        model._load(folder)
        return model

    @classmethod
    def search_space(cls, trial: Any, fixed: Mapping[str, Any]) -> dict[str, Any]:
        """Suggested values (Optuna trial) for every key of the space that the user has not fixed."""
        suggested: dict[str, Any] = {}
        for key, (kind, *args) in cls.space.items():
            if key in fixed:
                continue
            if kind == "log":
                suggested[key] = trial.suggest_float(key, *args, log=True)
            elif kind == "float":
                suggested[key] = trial.suggest_float(key, *args)
            else:
                suggested[key] = trial.suggest_categorical(key, list(args))
        return suggested

    def known(self, recording: str) -> str:
        """The recording's name, if the model was fitted on it."""
        if recording not in self.units:
            raise DataError(
                f"{self.name} was not fitted on recording {recording!r}; it knows {', '.join(sorted(self.units))}"
            )
        return recording

    @classmethod
    def defaults(cls, fixed: Mapping[str, Any]) -> dict[str, Any]:
        """Where tuning starts: the default of every key of the space that the user has not fixed."""
        return {key: cls.Params.model_fields[key].default for key in cls.space if key not in fixed}


def check_params(name: str, kind: type[Params], values: Mapping[str, Any]) -> Params:
    """Checked settings of a model. Raises ConfigError naming every wrong key, with "did you mean"."""
    try:
        return kind(**values)
    except ValidationError as error:
        lines = []
        for e in error.errors():
            key = ".".join(str(part) for part in e["loc"])
            if e["type"] == "extra_forbidden":
                near = difflib.get_close_matches(key, list(kind.model_fields), n=1)
                known = ", ".join(kind.model_fields) or "none"
                lines.append(
                    f"unknown key models.{name}.{key}" + (f", did you mean {near[0]}?" if near else f"; known: {known}")
                )
            else:
                lines.append(f"models.{name}.{key}: {e['msg']}, got {e['input']!r}")
        raise ConfigError("; ".join(lines)) from None
