"""A frame that the latents of all recordings share, with one read-out of decisions for recordings without labels.

The axes of a recording come from its landmarks, so that no label is needed to find them. The read-out is learned on the
labels of the training recordings. A few labels of a new recording are weighed against those of the training recordings.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.artifacts.json_files import read_strict_json
from spikebridge.errors import DataError
from spikebridge.models.parts.landmarks import Axes, Term, common_landmarks, fit_terms, landmarks
from spikebridge.models.parts.readout import SUMMARIES, Readout, fit_readouts
from spikebridge.models.parts.saved_arrays import check_positive, float64_arrays, load_arrays, save_arrays, with_prefix
from spikebridge.regression import fit_logistic
from spikebridge.types import Windows

FRAME, FRAME_ARRAYS = "frame.json", "frame.safetensors"
PRIOR_TRIALS = 30.0
"""So many labelled trials of a new recording weigh as much as all trials of the training recordings."""
RELATIVE_PENALTY = 0.01
"""On the squared weights of a read-out of both, per trial."""
MIN_TRIALS = 10
"""Trials of a recording without which its axes are not looked for."""
Array = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Aligned:
    """A recording on the axes of the frame, and the read-out of its decisions.

    Parameters
    ----------
    axes : Axes
        From its landmarks.
    readout : Readout
        Of the summary of the aligned latents.
    """

    axes: Axes
    readout: Readout


@dataclass(frozen=True)
class SharedFrame:
    """What training recordings have in common.

    Parameters
    ----------
    terms : tuple of Term
        Of the regression on covariates.
    common : NDArray, shape (landmark, axis)
        See `common_landmarks`.
    summary : str
        A key of SUMMARIES.
    readout : Readout
        Learned on the trials of all training recordings.
    shares : NDArray, shape (class,)
        Of the training labels, each class with one trial more.
    features : NDArray, shape (trial, feature)
        Of the training trials.
    labels : NDArray, shape (trial,)
        Of the training trials.
    """

    terms: tuple[Term, ...]
    common: Array
    summary: str
    readout: Readout
    shares: Array
    features: Array
    labels: Labels

    def align(self, latents: NDArray[np.floating], w: Windows) -> Aligned:
        """Find the axes of a recording without its labels.

        Parameters
        ----------
        latents : NDArray, shape (trial, bin, latent)
            Of its trial windows.
        w : Windows
            The same windows.

        Returns
        -------
        Aligned
            With the read-out of the training recordings.

        Raises
        ------
        DataError
            Where there are too few trials.
        """
        if len(w) < MIN_TRIALS:
            raise DataError(f"{w.recording}: expected at least {MIN_TRIALS} trials to align by, got {len(w)}")
        return Aligned(landmarks(latents, w, self.terms).axes(self.common), self.readout)

    def probabilities(self, aligned: Aligned, latents: NDArray[np.floating]) -> Array:
        """(trial, bin, latent) -> (trial, class)."""
        return aligned.readout.probabilities(SUMMARIES[self.summary](aligned.axes(latents)))

    def with_labels(self, aligned: Aligned, latents: NDArray[np.floating], labels: Labels) -> tuple[Aligned, Array]:
        """Weigh some labels of a recording against those of the training recordings.

        Parameters
        ----------
        aligned : Aligned
            The recording.
        latents : NDArray, shape (trial, bin, latent)
            Of its labelled trials.
        labels : NDArray, shape (trial,)
            Their classes.

        Returns
        -------
        Aligned
            With a read-out of both: all training trials together count as PRIOR_TRIALS trials of the recording.
        NDArray, shape (class,)
            The shares of both, with the same weights.
        """
        n_classes = len(self.shares)
        x = np.concatenate([self.features, SUMMARIES[self.summary](aligned.axes(latents))])
        label = np.concatenate([self.labels, labels])
        own = np.arange(len(label)) >= len(self.labels)
        share = PRIOR_TRIALS * self.shares + np.bincount(labels, minlength=n_classes)
        share = share / share.sum()
        present, index = np.unique(label, return_inverse=True)
        if len(present) < 2:
            return aligned, share
        weight = np.where(own, 1.0, PRIOR_TRIALS / len(self.labels))
        by_class = np.bincount(index, weight)
        weight *= (
            len(label) / (len(present) * by_class)[index]
        )  # classes count equally, and all together as many trials
        r = self.readout
        fits = fit_logistic((x - r.mean) / r.scale, index, weight[None], np.array([RELATIVE_PENALTY * len(label)]))
        weights, bias = np.zeros((x.shape[1], n_classes)), np.log(share) - np.log(share).max() - 5.0
        weights[:, present[-fits.bias.shape[1] :]] = fits.weights[0]
        evidence = np.zeros(len(present))
        evidence[-fits.bias.shape[1] :] = fits.bias[0]
        bias[present] = evidence + np.log(share[present])
        return replace(aligned, readout=Readout(r.mean, r.scale, weights, bias)), share

    def save(self, folder: Path, aligned: Mapping[str, Aligned]) -> None:
        """Write frame.json and frame.safetensors. aligned: the recordings that were aligned without labels."""
        content = {"terms": [asdict(term) for term in self.terms], "summary": self.summary, "aligned": list(aligned)}
        (folder / FRAME).write_text(json.dumps(content), encoding="utf-8")
        arrays: dict[str, NDArray[Any]] = {
            "common": self.common, "shares": self.shares, "features": self.features, "labels": self.labels,
            **_named("readout", self.readout),
        }  # fmt: skip
        for i, part in enumerate(aligned.values()):
            arrays |= {**_named(f"{i}.axes", part.axes), **_named(f"{i}.readout", part.readout)}
        save_arrays(folder / FRAME_ARRAYS, arrays)


def fit_frame(latents: Mapping[str, NDArray[np.floating]], windows: Mapping[str, Windows]) -> SharedFrame:
    """Fit the frame to labelled trials of the training recordings.

    Parameters
    ----------
    latents : mapping of str to NDArray, shape (trial, bin, latent)
        Recording -> latents.
    windows : mapping of str to Windows
        Recording -> the same trials, all of them labelled.

    Returns
    -------
    SharedFrame
        Summary and penalty of its read-out have the lowest log loss on held-out runs of trials of all recordings.

    Raises
    ------
    DataError
        Where there is no labelled trial.
    """
    if not windows:
        raise DataError("expected labelled trials to learn a read-out of decisions from, got none")
    terms = fit_terms(list(windows.values()))
    parts = {name: landmarks(z, windows[name], terms) for name, z in latents.items()}
    common = common_landmarks(parts)
    aligned = np.concatenate([parts[name].axes(common)(z) for name, z in latents.items()])
    labels = np.concatenate([windows[name].label for name in latents])
    n_classes = len(next(iter(windows.values())).classes)
    summary, readouts = fit_readouts({"all": aligned}, {"all": labels}, n_classes)
    counts = np.bincount(labels, minlength=n_classes) + 1.0
    features = np.asarray(SUMMARIES[summary](aligned), dtype=np.float64)
    readout = Readout(*(np.asarray(v, dtype=np.float64) for v in vars(readouts["all"]).values()))
    return SharedFrame(terms, common, summary, readout, counts / counts.sum(), features, labels)


def load_frame(
    folder: Path, n_classes: int, n_latents: int, recordings: Collection[str]
) -> tuple[SharedFrame, dict[str, Aligned]]:
    """Read what `SharedFrame.save` wrote. Raises DataError where it does not fit together."""
    path = folder / FRAME
    content = read_strict_json(path)
    if content.keys() != {"terms", "summary", "aligned"} or str(content["summary"]) not in SUMMARIES:
        raise DataError(f"{path}: expected terms, aligned, and summary as one of {', '.join(SUMMARIES)}")
    names = content["aligned"]
    if not isinstance(names, list) or not all(isinstance(name, str) and name in recordings for name in names):
        raise DataError(f"{path}: expected aligned as recordings of model.json, got {str(names)[:80]}")
    terms = _checked_terms(path, content["terms"])
    arrays = load_arrays(folder / FRAME_ARRAYS)
    shape = {name: np.shape(arrays.get(name, np.empty(()))) for name in ("common", "features", "labels")}
    if any(len(shape[name]) != n for name, n in (("common", 2), ("features", 2), ("labels", 1))):
        raise DataError(f"{folder / FRAME_ARRAYS}: expected common, features and labels as tables, got {shape}")
    (landmark, axis), (trial, feature) = shape["common"], shape["features"]
    readout = {"mean": (feature,), "scale": (), "weights": (feature, n_classes), "bias": (n_classes,)}
    axes = {"mean": (n_latents,), "weights": (n_latents, axis)}
    expected = float64_arrays(common=(landmark, axis), shares=(n_classes,), features=(trial, feature))
    expected |= float64_arrays(**{f"readout.{k}": v for k, v in readout.items()})
    for i in range(len(names)):
        expected |= float64_arrays(**{f"{i}.readout.{k}": v for k, v in readout.items()})
        expected |= float64_arrays(**{f"{i}.axes.{k}": v for k, v in axes.items()})
    checked = load_arrays(folder / FRAME_ARRAYS, {**expected, "labels": ("int64", (trial,))})
    check_positive(folder / FRAME_ARRAYS, checked, "shares", *(k for k in checked if k.endswith("readout.scale")))
    if len(checked["labels"]) and not (0 <= checked["labels"].min() <= checked["labels"].max() < n_classes):
        raise DataError(f"{folder / FRAME_ARRAYS}: expected 'labels' as numbers of {n_classes} classes")
    own = {name: with_prefix(checked, f"{i}.") for i, name in enumerate(names)}
    aligned = {
        name: Aligned(Axes(**with_prefix(a, "axes.")), Readout(**with_prefix(a, "readout."))) for name, a in own.items()
    }
    frame = SharedFrame(
        terms, checked["common"], content["summary"], Readout(**with_prefix(checked, "readout.")), checked["shares"],
        checked["features"], checked["labels"],
    )  # fmt: skip
    return frame, aligned


def _checked_terms(path: Path, raw: Any) -> tuple[Term, ...]:
    try:
        terms = tuple(Term(**term) for term in raw)
    except TypeError:
        terms = (Term("", None, float("nan"), 1.0),)  # refused below
    for t in terms:
        numbers = [t.mean, t.sd, 0.0 if t.value is None else t.value]
        if not isinstance(t.covariate, str) or not all(type(n) in (int, float) and np.isfinite(n) for n in numbers):
            raise DataError(f"{path}: expected terms with covariate, value, mean and sd, got {str(raw)[:80]}")
        if not t.sd > 0:
            raise DataError(f"{path}: expected terms with an sd greater than zero, got {str(raw)[:80]}")
    return terms


def _named(prefix: str, record: Any) -> dict[str, NDArray[Any]]:
    return {f"{prefix}.{name}": np.asarray(value, dtype=np.float64) for name, value in vars(record).items()}
