"""A registered model, read with the installed code from safetensors and JSON; no code of the artifact is executed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge import models
from spikebridge.artifacts.served_models import read_fitted_on, read_served
from spikebridge.errors import DataError, RegistryError, SpikebridgeError
from spikebridge.models.parts.saved_files import MODEL_FILE, check_manifest, read_saved_model
from spikebridge.runtime.threads import single_thread
from spikebridge.types import Predictions, Windows

OUTPUTS = ("label", "probabilities", "latents", "target_rates")
AROUND = ("evidence", "registered_model_meta")
"""Files next to a registered model that may change: its evidence, and MLflow's note on a download."""
MAX_COUNT = np.iinfo(np.uint32).max


class ServedModel:
    """A fitted model that predicts from plain arrays of counts.

    classes: names of the decisions. recordings: {name: {"source_units": [...], "target_units": [...]}}, unit ids in the
    order of the last axis. bin_s: seconds. n_bins: bins of a window. metadata: the content of served.json, from its
    registration. fitted_on: the settings and windows of its fit; empty where its files do not have them. class_shares:
    recording -> shares of the classes in training.
    """

    def __init__(self, folder: Path) -> None:
        try:
            about = read_saved_model(folder)
            self._model = models.load(folder)
            self.metadata = read_served(folder)
            self.fitted_on = read_fitted_on(folder)
        except DataError as error:
            raise RegistryError(str(error)) from None
        self.name, self.classes = about.model, tuple(about.classes)
        self.bin_s, self.n_bins = about.bin_s, about.n_bins
        self.class_shares: Mapping[str, Sequence[float]] = dict(about.class_shares)
        self.recordings: Mapping[str, Mapping[str, list[int]]] = {
            name: units.model_dump() for name, units in about.recordings.items()
        }
        self._try_out(folder)

    def __repr__(self) -> str:
        return (
            f"<{self.name}: {len(self.recordings)} recordings, classes {', '.join(self.classes)}, "
            f"{self.n_bins} bins of {self.bin_s:g} s>"
        )

    def predict(self, counts: Any, output: str = "label", recording: str = "") -> NDArray[Any]:
        """Predict from counts (trial, bin, unit): spikes of the source units per bin, any number type.

        output: "label" -> (trial,) class names; "probabilities" -> (trial, class), in the order of `classes`;
        "latents" -> (trial, bin, latent); "target_rates" -> (trial, bin, unit), expected spikes per bin.
        recording: the recording of these units; may be "" if exactly one recording has this number of units.
        Raises RegistryError if the counts do not fit the model, or if the model does not have this output.
        """
        check_output(output)
        array = check_counts(counts)
        chosen = self._recording(array.shape[2], recording)
        if array.shape[1] != self.n_bins:
            raise RegistryError(
                f"counts: expected {self.n_bins} bins of {self.bin_s:g} s in axis 1, got shape {array.shape}"
            )
        self._check_from_source()
        try:
            with single_thread():
                predictions = self._model.predict(self._windows(array, chosen))
            if not _finite(predictions):
                raise RegistryError(f"{self.name} gives numbers that are not finite for these counts")
            return self._pick(predictions, output, chosen)
        except RegistryError:
            raise
        except SpikebridgeError as error:
            raise RegistryError(f"{self.name}: {error}") from None

    def predict_windows(self, windows: Windows) -> tuple[Predictions, NDArray[np.int64] | None]:
        """The predictions for windows of a recording that the model knows, and the class that it decides for.

        windows: of bins and units as the model was fitted on; labels are not read. The classes: (window,), None for a
        model that only translates. Raises RegistryError where the model needs more than source counts, or where its
        numbers are not finite.
        """
        self._check_from_source()
        with single_thread():
            predictions = self._model.predict(windows)
        if not _finite(predictions):
            raise RegistryError(f"{windows.recording}: {self.name} gives numbers that are not finite")
        if predictions.probabilities is None:
            return predictions, None
        return predictions, self._model.decide(predictions.probabilities, windows.recording)

    def _check_from_source(self) -> None:
        if not self._model.from_source:
            raise RegistryError(
                f"{self.name} cannot predict from source counts alone: it needs behaviour, earlier labels, time or the "
                "target's past"
            )

    @property
    def adapts(self) -> bool:
        """Whether `spikebridge adapt` can fit the model to new recordings."""
        return models.get_class(self.name).adapts

    def _try_out(self, folder: Path) -> None:
        """Predict one empty window of each recording: the saved parts must fit together and give finite numbers."""
        if not self._model.from_source:
            return
        for name, units in self.recordings.items():
            w = self._windows(np.zeros((1, self.n_bins, len(units["source_units"]))), name)
            try:
                with np.errstate(all="ignore"):
                    fits = _finite(self._model.predict(w))
            except (ArithmeticError, ValueError, TypeError, LookupError, RuntimeError, MemoryError) as error:
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                raise RegistryError(f"{folder}: the model cannot predict {name}: {reason[:200]}") from None
            if not fits:
                raise RegistryError(f"{folder}: the model gives numbers that are not finite for {name}")

    def _recording(self, n_units: int, recording: str) -> str:
        units = {name: len(r["source_units"]) for name, r in self.recordings.items()}
        known = ", ".join(f"{name} ({n})" for name, n in units.items())
        if recording:
            if recording not in units:
                near = difflib.get_close_matches(recording, units, n=1)
                hint = f", did you mean {near[0]}?" if near else "."
                raise RegistryError(f"recording: unknown {recording!r}{hint} Recordings (source units): {known}")
            if units[recording] != n_units:
                raise RegistryError(
                    f"counts: expected the {units[recording]} source units of {recording} in axis 2, got {n_units}"
                )
            return recording
        fitting = [name for name, n in units.items() if n == n_units]
        if len(fitting) != 1:
            what = "more than one recording has that many; name one with recording=" if fitting else "no recording has"
            raise RegistryError(f"counts: {n_units} units in axis 2, but {what}. Recordings (source units): {known}")
        return fitting[0]

    def _windows(self, counts: NDArray[np.float64], recording: str) -> Windows:
        """Windows of these counts. The parts that a model must not use (target, labels) are empty."""
        n, units = len(counts), self.recordings[recording]
        return Windows(
            recording=recording,
            source=counts.astype(np.min_scalar_type(int(counts.max(initial=0)))),
            target=np.zeros((n, self.n_bins, len(units["target_units"])), np.uint8),
            start_s=np.full(n, np.nan),  # unknown: no drift
            bin_s=self.bin_s,
            trial=np.arange(n),
            label=np.full(n, -1),
            decision_s=np.full(
                n, self.n_bins * self.bin_s
            ),  # windows end before the decision; the stage evaluate checks this
            classes=self.classes,
            source_units=np.asarray(units["source_units"], dtype=np.int64),
            target_units=np.asarray(units["target_units"], dtype=np.int64),
        )

    def _pick(self, predictions: Predictions, output: str, recording: str) -> NDArray[Any]:
        values = {
            "probabilities": predictions.probabilities,
            "latents": predictions.latents,
            "target_rates": predictions.rates,
        }
        if output != "label" and values[output] is not None:
            return np.asarray(values[output])
        if predictions.probabilities is not None and output == "label":
            return np.asarray(self.classes)[self._model.decide(predictions.probabilities, recording)]
        available = [k for k, v in values.items() if v is not None]
        available = ["label", *available] if predictions.probabilities is not None else available
        raise RegistryError(f"output: {self.name} has no {output}; it has {', '.join(available)}")


def check_output(output: Any) -> None:
    """Raises RegistryError with "did you mean" for an unknown output."""
    if output not in OUTPUTS:
        near = difflib.get_close_matches(str(output), OUTPUTS, n=1)
        hint = f", did you mean {near[0]!r}?" if near else ""
        raise RegistryError(f"output: expected one of {', '.join(OUTPUTS)}, got {output!r}{hint}")


def check_counts(counts: Any) -> NDArray[np.float64]:
    """Counts as (trial, bin, unit). A fraction is an error, because rates or smoothed counts were given instead.

    Raises RegistryError, which names the shape, or the first trial, bin and unit whose value is not a count.
    """
    try:
        array = np.asarray(counts)
        if array.dtype.kind not in "biuf":
            raise TypeError
    except (TypeError, ValueError):
        raise RegistryError(f"counts: expected numbers in an array (trial, bin, unit), got {_kind(counts)}") from None
    if array.ndim != 3:
        raise RegistryError(f"counts: expected three axes (trial, bin, unit), got shape {array.shape}")
    if len(array) == 0:
        raise RegistryError(f"counts: expected at least one trial, got shape {array.shape}")
    array = array.astype(np.float64)
    with np.errstate(invalid="ignore"):
        wrong = ~np.isfinite(array) | (array < 0) | (array != np.floor(array)) | (array > MAX_COUNT)
    if wrong.any():
        trial, at, unit = np.argwhere(wrong)[0]
        raise RegistryError(
            f"counts: expected whole numbers of spikes, got {array[trial, at, unit]:g} "
            f"at trial {trial}, bin {at}, unit {unit} ({int(wrong.sum())} such values)"
        )
    return array


def _kind(value: Any) -> str:
    dtype = getattr(value, "dtype", None)
    return f"{type(value).__name__}" + (f" of {dtype}" if dtype is not None else "")


def find_folder(root: Path) -> Path:
    """The folder with model.json: `root` itself, or the subfolder of a registered model.

    Raises RegistryError if there is none, or if a file in MLflow's folder differs from the registered file.
    """
    for folder in (root, root / "artifacts" / "model", root / "model"):
        if (folder / MODEL_FILE).is_file():
            if (root / "MLmodel").exists() or folder == root / "artifacts" / "model":
                _check_around(root)
            return folder
    raise RegistryError(f"{root}: expected a saved spikebridge model (model.json), found none")


def _check_around(root: Path) -> None:
    try:
        check_manifest(root, AROUND)
    except DataError as error:
        raise RegistryError(str(error)) from None


def _finite(predictions: Predictions) -> bool:
    return all(
        a is None or bool(np.isfinite(a).all())
        for a in (predictions.probabilities, predictions.rates, predictions.latents)
    )
