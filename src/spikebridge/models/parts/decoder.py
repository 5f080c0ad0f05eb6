"""The base class of logistic decoders: a table of features, ridge-penalised logistic regression, and files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikebridge.errors import DataError
from spikebridge.models import base
from spikebridge.models.base import Model, OnEpoch
from spikebridge.models.parts.features import class_shares
from spikebridge.models.parts.saved_arrays import (
    Expected,
    check_arrays,
    check_positive,
    float64_arrays,
    load_arrays,
    save_arrays,
)
from spikebridge.types import Predictions, Windows

Array = NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]


class FeatureDecoder(Model):
    """p(class) = softmax(W z + b), z the standardised features of a window, ridge penalty on W; one per recording.

    NaN is replaced by the training mean of the feature, and an additional feature marks it. Recordings with fewer than
    two classes in training get class shares; classes without a training trial keep their share.
    """

    libraries: ClassVar[tuple[str, ...]] = ("sklearn.linear_model",)
    min_sd: float = 1e-6
    """Features with a smaller SD are divided by this one."""

    class Params(base.Params):
        penalty: float = Field(1.0, gt=0, description="on the squared weights of standardised features")

    @abstractmethod
    def features(self, w: Windows, prepared: Arrays) -> Array:
        """(window, feature), NaN where unknown. prepared: the result of `prepare`."""

    def prepare(self, w: Windows) -> dict[str, NDArray[Any]]:
        """Arrays that `features` needs from the training windows, such as means."""
        return {}

    def _prepared(self, path: Path, arrays: Arrays, n_source: int) -> tuple[Expected, int]:
        """Of a saved recording with n_source source units: the arrays of `prepare`, and the number of features.

        arrays: all arrays of the recording, not yet checked. Raises DataError where they cannot be right.
        """
        return {}, 0

    def _usable(self, w: Windows) -> NDArray[np.bool_]:
        """(window,), True where a training window may be used."""
        return w.labelled

    def _weights(self, w: Windows, prepared: Arrays) -> Array | None:
        """(window,), weights of the training windows; None: equal."""
        return None

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        self.fits = {w.recording: self._fit_recording(w.select(w.labelled & self._usable(w))) for w in train}

    def _fit_recording(self, w: Windows) -> dict[str, NDArray[Any]]:
        p: Any = self.params
        prepared = self.prepare(w)
        arrays = {"share": class_shares(w.label, len(w.classes)), **prepared}
        present = np.unique(w.label)
        if len(present) < 2:
            return arrays
        from sklearn.linear_model import LogisticRegression

        x = self.features(w, prepared)
        known = np.isfinite(x)
        mean = np.where(known, x, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        gaps = np.flatnonzero(~known.all(axis=0) & known.any(axis=0))
        x = _filled(x, mean, gaps)
        mean = np.concatenate([mean, np.zeros(len(gaps))])
        shift, sd = x.mean(axis=0), np.maximum(x.std(axis=0), self.min_sd)
        logistic = LogisticRegression(C=1 / p.penalty, max_iter=2000, tol=1e-6)
        fit = logistic.fit((x - shift) / sd, w.label, sample_weight=self._weights(w, prepared))
        weights, bias = fit.coef_, fit.intercept_
        if len(present) == 2:  # scikit-learn has the weights of the second class only
            weights, bias = np.vstack([0 * weights, weights]), np.concatenate([[0.0], bias])
        return arrays | {
            "present": present, "mean": mean, "gaps": gaps, "shift": shift, "sd": sd, "weights": weights, "bias": bias
        }  # fmt: skip

    def _predict(self, windows: Windows) -> Predictions:
        arrays = self.fits[self.check_recording(windows.recording)]
        probabilities = np.tile(arrays["share"], (len(windows), 1))
        if "present" not in arrays or not len(windows):
            return Predictions(probabilities=probabilities)
        x = self.features(windows, arrays)
        x = (_filled(x, arrays["mean"][: x.shape[1]], arrays["gaps"]) - arrays["shift"]) / arrays["sd"]
        z = x @ arrays["weights"].T + arrays["bias"]
        z = np.exp(z - z.max(axis=1, keepdims=True))
        present = arrays["present"]
        probabilities[:, present] = z / z.sum(axis=1, keepdims=True) * arrays["share"][present].sum()
        return Predictions(probabilities=probabilities)

    def _save(self, folder: Path) -> None:
        for i, name in enumerate(self.units):
            save_arrays(folder / f"{i}.safetensors", self.fits[name])

    def _load(self, folder: Path) -> None:
        self.fits = {}
        for i, (name, units) in enumerate(self.units.items()):
            path = folder / f"{i}.safetensors"
            arrays = load_arrays(path)
            self._check(path, arrays, len(units["source_units"]))
            self.fits[name] = arrays

    def _check(self, path: Path, arrays: Arrays, n_source: int) -> None:
        """Raises DataError where the arrays of a recording are not such as `_fit_recording` makes."""
        n_classes = len(self.classes)
        prepared, n_features = self._prepared(path, arrays, n_source)
        expected = {**float64_arrays(share=(n_classes,)), **prepared}
        if "present" in arrays:
            present, gaps = (np.asarray(arrays.get(name, ())) for name in ("present", "gaps"))
            k, n = present.size, n_features + gaps.size
            rows = float64_arrays(mean=(n,), shift=(n,), sd=(n,), weights=(k, n), bias=(k,))
            expected |= {**rows, "present": ("int64", (k,)), "gaps": ("int64", (gaps.size,))}
        check_arrays(path, arrays, expected)
        check_positive(path, arrays, "share", *(["sd"] if "present" in arrays else []))
        for name, end in (("present", n_classes), ("gaps", n_features)) if "present" in arrays else ():
            numbers = arrays[name]
            if (np.diff(numbers) <= 0).any() or (numbers < 0).any() or (numbers >= end).any():
                raise DataError(f"{path}: expected {name!r} as rising numbers below {end}")


def _filled(x: Array, mean: Array, gaps: NDArray[np.int64]) -> Array:
    """(window, feature + gap): NaN replaced by the mean; then, for each feature of `gaps`, 1 where it is NaN."""
    known = np.isfinite(x)
    return np.column_stack([np.where(known, x, mean), ~known[:, gaps]])
