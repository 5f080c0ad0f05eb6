"""What the logistic yardsticks of a decision share: a table of features, ridge-penalised logistic regression, files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
    """p(class) = softmax(W z + b), z the standardised features of a window, with a ridge penalty on W; one a recording.

    A feature that is NaN counts as its training mean, and that it was missing is a feature of its own. Recordings with
    fewer than two classes to learn from get class shares; classes without a training trial keep their share.
    """

    least_sd: float = 1e-6
    """Features that vary less are not scaled up to unit variance."""

    class Params(base.Params):
        penalty: float = Field(1.0, gt=0, description="on the squared weights of standardised features")

    @abstractmethod
    def _features(self, w: Windows, about: Arrays) -> Array:
        """(window, feature), NaN where unknown. about: what `_prepare` found."""

    def _prepare(self, w: Windows) -> dict[str, NDArray[Any]]:
        """What the features need to know of the training windows."""
        return {}

    def _prepared(self, path: Path, part: Arrays, n_source: int) -> tuple[Expected, int]:
        """Of a saved recording with n_source source units: the arrays that `_prepare` gave, and how many features.

        part: all of its arrays, unchecked but for their names. Raises DataError where they cannot be right.
        """
        return {}, 0

    def _usable(self, w: Windows) -> NDArray[np.bool_]:
        """(window,), which training windows may be learned from."""
        return w.labelled

    def _weights(self, w: Windows, about: Arrays) -> Array | None:
        """(window,), how much each training window counts; None: all alike."""
        return None

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        self.parts = {w.recording: self._fit_one(w.select(w.labelled & self._usable(w))) for w in train}

    def _fit_one(self, w: Windows) -> dict[str, NDArray[Any]]:
        p: Any = self.params
        about = self._prepare(w)
        part = {"share": class_shares(w.label, len(w.classes)), **about}
        present = np.unique(w.label)
        if len(present) < 2:
            return part
        from sklearn.linear_model import LogisticRegression

        x = self._features(w, about)
        known = np.isfinite(x)
        mean = np.where(known, x, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        gaps = np.flatnonzero(~known.all(axis=0) & known.any(axis=0))
        x = _filled(x, mean, gaps)
        mean = np.concatenate([mean, np.zeros(len(gaps))])
        shift, sd = x.mean(axis=0), np.maximum(x.std(axis=0), self.least_sd)
        logistic = LogisticRegression(C=1 / p.penalty, max_iter=2000, tol=1e-6)
        fit = logistic.fit((x - shift) / sd, w.label, sample_weight=self._weights(w, about))
        weights, bias = fit.coef_, fit.intercept_
        if len(present) == 2:  # scikit-learn keeps the second class alone
            weights, bias = np.vstack([0 * weights, weights]), np.concatenate([[0.0], bias])
        return part | {
            "present": present, "mean": mean, "gaps": gaps, "shift": shift, "sd": sd, "weights": weights, "bias": bias
        }  # fmt: skip

    def predict(self, windows: Windows) -> Predictions:
        part = self.parts[self.check_recording(windows.recording)]
        said = np.tile(part["share"], (len(windows), 1))
        if "present" not in part or not len(windows):
            return Predictions(probabilities=said)
        x = self._features(windows, part)
        x = (_filled(x, part["mean"][: x.shape[1]], part["gaps"]) - part["shift"]) / part["sd"]
        z = x @ part["weights"].T + part["bias"]
        z = np.exp(z - z.max(axis=1, keepdims=True))
        present = part["present"]
        said[:, present] = z / z.sum(axis=1, keepdims=True) * part["share"][present].sum()
        return Predictions(probabilities=said)

    def _save(self, folder: Path) -> None:
        for i, name in enumerate(self.units):
            save_arrays(folder / f"{i}.safetensors", self.parts[name])

    def _load(self, folder: Path) -> None:
        self.parts = {}
        for i, (name, units) in enumerate(self.units.items()):
            path = folder / f"{i}.safetensors"
            part = load_arrays(path)
            self._check(path, part, len(units["source_units"]))
            self.parts[name] = part

    def _check(self, path: Path, part: Arrays, n_source: int) -> None:
        """Raises DataError where the arrays of a recording are not what `_fit_one` makes."""
        n_classes = len(self.classes)
        about, n_features = self._prepared(path, part, n_source)
        expected = {**float64_arrays(share=(n_classes,)), **about}
        if "present" in part:
            present, gaps = (np.asarray(part.get(name, ())) for name in ("present", "gaps"))
            k, n = present.size, n_features + gaps.size
            rows = float64_arrays(mean=(n,), shift=(n,), sd=(n,), weights=(k, n), bias=(k,))
            expected |= {**rows, "present": ("int64", (k,)), "gaps": ("int64", (gaps.size,))}
        check_arrays(path, part, expected)
        check_positive(path, part, "share", *(["sd"] if "present" in part else []))
        for name, end in (("present", n_classes), ("gaps", n_features)) if "present" in part else ():
            numbers = part[name]
            if (np.diff(numbers) <= 0).any() or (numbers < 0).any() or (numbers >= end).any():
                raise DataError(f"{path}: expected {name!r} as rising numbers below {end}")


def _filled(x: Array, mean: Array, gaps: NDArray[np.int64]) -> Array:
    """(window, feature + gap): the mean for what is unknown, then 1 where one of the features `gaps` is unknown."""
    known = np.isfinite(x)
    return np.column_stack([np.where(known, x, mean), ~known[:, gaps]])
