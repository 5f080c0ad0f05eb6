"""The base class of all models: fit, predict, save, load, and the space of settings to tune in."""

from __future__ import annotations

import importlib.util
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from spikebridge.baseline import Baseline, Baselines, best_scale, shrink
from spikebridge.errors import ConfigError, DataError
from spikebridge.models.parts.features import class_shares, join
from spikebridge.models.parts.history import OnEpoch, recorded
from spikebridge.models.parts.new_units import NewUnits
from spikebridge.models.parts.saved_baselines import load_baselines, save_baselines
from spikebridge.models.parts.saved_files import MODEL_FILE, check_manifest, read_saved_model, write_manifest
from spikebridge.models.parts.settings import Params, suggest, validated_params, wrong_params
from spikebridge.types import History, Predictions, Windows

Space = Mapping[str, tuple[Any, ...]]
"""Setting -> ("log" | "float", low, high) or ("categorical", value, value, ...), as Optuna suggests them."""


class Model(NewUnits, ABC):
    """A model predicts decisions (`decides`), target spikes (`translates`), or both, from source counts.

    `fit` sees only the windows that it is given. `predict` uses the source counts of its windows, when they start (for
    slow drift) and whether they are trial windows, and never their labels. Two exceptions among the baselines are
    declared: with `from_source` False a model may use behaviour, covariates and time of a window, and with
    `uses_target_past` True the target's bins before the one that it predicts. A pooled model shares parameters between
    recordings; any other keeps one fit per recording.

    Every translator has the same baseline, which the base class fits, saves, loads and adds to the predictions. With
    windows to choose by (`valid`), it also shrinks the rates of a translator that does not stop early towards the
    baseline: not at all, or to the baseline itself where the source says nothing there.

    Parameters
    ----------
    params : mapping, optional
        Settings that differ from the defaults of `Params`.
    device : str
        Where torch computes, such as "cpu" or "cuda".
    baselines : Baselines, optional
        Fits the baselines. Hand the same object to all models of a fold, so that each baseline is fitted once.
        None: the model makes a new object.

    Raises
    ------
    ConfigError
        For an unknown or wrong setting, or where the package that the model needs is not installed.
    """

    name: ClassVar[str]
    decides: ClassVar[bool] = True
    translates: ClassVar[bool] = False
    pooled: ClassVar[bool] = False
    early_stopping: ClassVar[bool] = False  # if it has max_epochs and patience, by the rule of parts/early_stopping.py
    from_source: ClassVar[bool] = True  # predictions need nothing but source counts; otherwise it cannot be served
    uses_target_past: ClassVar[bool] = False  # the rate in a bin depends on the target's counts in earlier bins
    yardstick: ClassVar[bool] = False  # a translator without a source: its rates are not shrunk to the baseline
    libraries: ClassVar[tuple[str, ...]] = ()  # what a fit loads; workers load it once. torch: `device` is used
    random_stream: ClassVar[str] = ""  # the model whose random streams it draws from; empty: it has its own
    while_tuning: ClassVar[Mapping[str, int]] = {}  # highest values in trials of the tuner, which only rank settings
    extra: ClassVar[str | None] = None  # the optional package that it needs; an extra of pyproject.toml has its name
    Params: ClassVar[type[Params]] = Params
    space: ClassVar[Space] = {}

    def __init__(
        self, params: Mapping[str, Any] | None = None, device: str = "cpu", baselines: Baselines | None = None
    ) -> None:
        if missing := self.missing_package():
            raise ConfigError(missing)
        self.params = validated_params(self.name, self.Params, params or {})
        self.device = device
        self.classes: tuple[str, ...] = ()
        self.bin_s = 0.0
        self.n_bins = 0
        self.units: dict[str, dict[str, list[int]]] = {}
        self.class_shares: dict[str, list[float]] = {}
        self.baseline_fits = baselines or Baselines()
        self.baselines: dict[str, Baseline] = {}
        self.scales: dict[str, float] = {}

    @classmethod
    def missing_package(cls) -> str:
        """Say what to do where the package of `extra` is not installed.

        Returns
        -------
        str
            A sentence; empty where the model can be used.
        """
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
        """Fit the model.

        Parameters
        ----------
        train : sequence of Windows
            What to learn from, one Windows per recording.
        valid : sequence of Windows
            Windows of the same recordings that early stopping is decided by; may be empty. A model that does not stop
            early learns from them too (a translator after its shrinkage was chosen by them), and any model may learn
            from their labels: hide the labels to score by.
        rng : numpy.random.Generator
            The only source of randomness.
        on_epoch : callable, optional
            Receives one dict per training epoch; an exception that it raises ends the fit.

        Returns
        -------
        History
            The rows that on_epoch received.

        Raises
        ------
        DataError
            Where the recordings differ in bins or classes, or have no window to learn from.
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
            self._register(w, held.get(w.recording))
        both = [join(w, held.get(w.recording)) for w in train]
        if self.translates:
            self.scales = self._choose_scales(train, held, rng)
            self.baselines = {w.recording: self.baseline_fits.fit(w).baseline for w in both}
        if not self.early_stopping:
            train, valid = both, []
        rows, note = recorded(on_epoch)
        self._fit(train, valid, rng, note)
        return History(tuple(rows))

    def _choose_scales(
        self, train: Sequence[Windows], held: Mapping[str, Windows], rng: np.random.Generator
    ) -> dict[str, float]:
        """The scale of each recording with held windows, by a fit that does not see these."""
        scored = {name: w for name, w in held.items() if len(w)}
        if self.early_stopping or self.yardstick or not scored:
            return {}
        self.baselines = {w.recording: self.baseline_fits.fit(w).baseline for w in train}
        self._fit(train, [], rng, lambda _: None)
        scales = {}
        for name in self.units.keys() & scored.keys():
            rates = self._predict(scored[name]).rates
            assert rates is not None
            scales[name] = best_scale(rates, self.baseline_rates(scored[name]), scored[name].target)
        return scales

    def cross_fitted_baseline(self, w: Windows) -> NDArray[np.float32]:
        """Give the rates without the source in windows that `_fit` learns from.

        Parameters
        ----------
        w : Windows
            As `_fit` gets them.

        Returns
        -------
        NDArray, shape (window, bin, unit)
            Spikes per bin; those of a block of windows come from the other blocks.
        """
        return self.baseline_fits.fit(w).crossed_rates()

    def baseline_rates(self, windows: Windows) -> NDArray[np.float32]:
        """Give the rates without the source in windows that were not learned from.

        Parameters
        ----------
        windows : Windows
            Of a recording that the model was fitted on.

        Returns
        -------
        NDArray, shape (window, bin, unit)
            Spikes per bin.
        """
        return self.baselines[self.check_recording(windows.recording)].rates(windows)

    def _register(self, w: Windows, more: Windows | None) -> None:
        """Keep the units of a recording, and the shares of its labels in both sets of windows."""
        self.units[w.recording] = {"source_units": w.source_units.tolist(), "target_units": w.target_units.tolist()}
        labels = [windows.label for windows in (w, more) if windows is not None]
        self.class_shares[w.recording] = class_shares(np.concatenate(labels), len(w.classes)).tolist()

    @abstractmethod
    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None: ...

    @abstractmethod
    def _predict(self, windows: Windows) -> Predictions: ...

    def predict(self, windows: Windows) -> Predictions:
        """Predict every window of one recording, in order.

        Parameters
        ----------
        windows : Windows
            Of a recording that the model was fitted on, unless it `transfers`.

        Returns
        -------
        Predictions
            Probabilities (window, class), rates and the baseline's rates (window, bin, unit) in spikes per bin, or
            both.

        Raises
        ------
        DataError
            For a recording that the model was not fitted on.
        """
        if not self.transfers:
            self.check_recording(windows.recording)
        predicted = self._predict(windows)
        if predicted.rates is None:
            return predicted
        known = self.baseline_rates(windows)
        rates = shrink(predicted.rates, known, self.scales.get(windows.recording, 1.0))
        return replace(predicted, rates=rates, baseline=known)

    def decide(self, probabilities: NDArray[np.float64], recording: str) -> NDArray[np.int64]:
        """Decide for the class with the largest ratio of probability to share of the training labels.

        By Bayes' rule that is the class of highest likelihood; it maximises balanced accuracy. The most probable class
        would, with weak evidence and one class rarer than the other, nearly always be the frequent one.

        Parameters
        ----------
        probabilities : NDArray, shape (trial, class)
            As `predict` gives them.
        recording : str
            The recording of the trials.

        Returns
        -------
        NDArray, shape (trial,)
            Index of the class.
        """
        shares = np.asarray(self.class_shares.get(recording, np.ones(len(self.classes))))
        return np.asarray((probabilities / shares).argmax(axis=1), dtype=np.int64)

    @abstractmethod
    def _save(self, folder: Path) -> None: ...

    @abstractmethod
    def _load(self, folder: Path) -> None:
        """Read what `_save` wrote. Raises DataError where it does not fit what model.json says."""

    def save(self, folder: Path | str) -> None:
        """Write model.json, the weights, and a manifest of all files; nothing is pickled.

        The same fit writes the same bytes.

        Parameters
        ----------
        folder : Path or str
            Made if it does not exist.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        content = {
            "model": self.name,
            "classes": list(self.classes),
            "bin_s": self.bin_s,
            "n_bins": self.n_bins,
            "recordings": self.units,
            "class_shares": self.class_shares,
            "params": self.params.model_dump(mode="json"),
        }
        (folder / MODEL_FILE).write_text(json.dumps(content, indent=1), encoding="utf-8")
        if self.translates:
            save_baselines(folder, list(self.units), self.baselines, self.scales)
        self._save(folder)
        write_manifest(folder)

    @classmethod
    def load(cls, folder: Path, baselines: Baselines | None = None) -> Self:
        """Read what `save` wrote; no code in the folder is executed.

        Parameters
        ----------
        folder : Path
            A saved model of this class.
        baselines : Baselines, optional
            Fits the baselines of recordings that are added to the model.

        Returns
        -------
        Model
            Predicts as the model that was saved.

        Raises
        ------
        DataError
            Names the file where files were changed, removed or added since they were saved, or where their content
            cannot be a model of this class.
        """
        saved = read_saved_model(folder)
        check_manifest(folder)
        if wrong := wrong_params(cls.name, cls.Params, saved.params):
            raise DataError(f"{folder / MODEL_FILE}: {wrong[0].text}")
        try:
            model = cls(saved.params, baselines=baselines)
        except ConfigError as error:
            raise DataError(f"{folder / MODEL_FILE}: {error}") from None
        model.classes = tuple(saved.classes)
        model.bin_s, model.n_bins = saved.bin_s, saved.n_bins
        model.units = {name: units.model_dump() for name, units in saved.recordings.items()}
        model.class_shares = dict(saved.class_shares)
        if cls.translates:
            sizes = {name: len(units.target_units) for name, units in saved.recordings.items()}
            model.baselines, model.scales = load_baselines(folder, sizes, model.n_bins)
        model._load(folder)
        return model

    @classmethod
    def search_space(cls, trial: Any, fixed: Mapping[str, Any]) -> dict[str, Any]:
        """Let Optuna suggest the settings that the user has not fixed.

        Parameters
        ----------
        trial : optuna.Trial
            Makes the suggestions.
        fixed : mapping
            Settings that have a value.

        Returns
        -------
        dict
            A value for every other key of `space`.
        """
        return {key: suggest(trial, key, how) for key, how in cls.space.items() if key not in fixed}

    @classmethod
    def defaults(cls, fixed: Mapping[str, Any]) -> dict[str, Any]:
        """Give the settings that tuning tries first.

        Parameters
        ----------
        fixed : mapping
            Settings that have a value.

        Returns
        -------
        dict
            The default of every other key of `space`.
        """
        return {key: cls.Params.model_fields[key].default for key in cls.space if key not in fixed}

    def check_recording(self, recording: str) -> str:
        """Check that the model was fitted on a recording.

        Parameters
        ----------
        recording : str
            Its name.

        Returns
        -------
        str
            The same name.

        Raises
        ------
        DataError
            Where the model was not fitted on it.
        """
        if recording not in self.units:
            raise DataError(
                f"{self.name} was not fitted on recording {recording!r}; it knows {', '.join(sorted(self.units))}"
            )
        return recording
