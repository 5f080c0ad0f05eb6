"""How the shared subspace lies in each region: beside the principal components, and how much variance is shared.

Activity is the smoothed counts of a unit (the translator's kernel), less their training mean, over their training SD.
In the source the subspace of the first m modes is spanned by the gradients of the modes (the Jacobian summed over
lags): what the translator reads. In the target it is spanned by the modes' effects on the units' rates: what the
translation moves. Components are fitted in training windows, all variances are those of the test block.

Variance of the target = baseline + shared + private + noise, each over the total: what the baseline explains of the
smoothed counts, what the source adds to that, the variance of independent Poisson spikes of the mean rates, and what is
left. Variance of the source = shared + private + noise: variance in the subspace of those modes that hold SHARED of the
translation, variance outside of it, both beyond Poisson spikes', and these. With refractory spikes the noise is
overestimated, and private variance may be below zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from spikebridge.latent_analysis.modes import Modes, some, translation_modes
from spikebridge.latent_analysis.refit import Refits
from spikebridge.metrics import orthonormal_basis, principal_angles, principal_components, variance_in
from spikebridge.models.seq2seq import Seq2Seq
from spikebridge.models.seq2seq.attribution import jacobian
from spikebridge.types import Windows

Array = NDArray[np.float64]
SHARED = 0.95
"""Share of the variance of the predicted log rates that the shared modes hold together."""
MIN_SD = 1e-6
MAX_JACOBIAN = 50
"""Training windows of a recording that gradients are averaged over."""
COLUMNS = ["recording", "fold", "region", "n_dimensions", "captured", "captured_by_components", "random", "angle"]
PARTS = ("baseline", "shared", "private", "noise")


@dataclass(frozen=True)
class Activity:
    """Smoothed counts of one region around their training mean, over their training SD.

    train, test: (time, unit). noise: (unit,), variance of the smoothed counts of Poisson spikes at the mean rate of the
    test windows. sd, mean: (unit,), of training.
    """

    train: Array
    test: Array
    noise: Array
    mean: Array
    sd: Array

    @staticmethod
    def of(train: NDArray[Any], test: NDArray[Any], sigma_bins: float) -> Activity:
        """train, test: counts (window, bin, unit)."""
        early, late = (smoothed(counts, sigma_bins) for counts in (train, test))
        mean, sd = early.mean(axis=0), np.maximum(early.std(axis=0), MIN_SD)
        kernel = gaussian_filter1d(np.eye(test.shape[1]), sigma_bins, axis=0, mode="nearest")  # (bin, bin of a spike)
        weight = np.square(kernel).mean(axis=0) / len(test)
        noise = np.einsum("t,wtu->u", weight, test.astype(np.float64)) / sd**2
        return Activity((early - mean) / sd, (late - mean) / sd, noise, mean, sd)

    def scaled(self, rates: NDArray[np.floating], sigma_bins: float) -> Array:
        """Predicted rates of the test windows as activity, (time, unit)."""
        return (smoothed(rates, sigma_bins) - self.mean) / self.sd


def smoothed(counts: NDArray[Any], sigma_bins: float) -> Array:
    """(window, bin, unit) -> (time, unit)."""
    smooth = gaussian_filter1d(counts.astype(np.float64), sigma_bins, axis=1, mode="nearest")
    return np.asarray(smooth.reshape(-1, counts.shape[2]))


def tables(refits: Refits) -> dict[str, pd.DataFrame]:
    """alignment: a row a recording, region and number m of modes; see `alignment_rows`.

    shared_variance: a row a recording, region and part (PARTS); share of the variance of the test block.
    """
    model = refits.forward
    assert isinstance(model, Seq2Seq)
    modes = translation_modes(model, [train for train, _ in refits.scored()])
    sigma_bins = model.params.smoothing_s / model.bin_s  # type: ignore[attr-defined]
    aligned, parts = [], []
    for train, test in refits.scored():
        who = {"recording": test.recording, "fold": refits.fold.fold}
        predicted = model.predict(test)
        assert predicted.rates is not None and predicted.baseline is not None
        source, target = (
            Activity.of(*sides, sigma_bins) for sides in ((train.source, test.source), (train.target, test.target))
        )
        axes = {"source": source_axes(model, modes, train, source), "target": target_axes(modes, train, target)}
        for region, activity in (("source", source), ("target", target)):
            aligned += [{**who, "region": region, **row} for row in alignment_rows(axes[region], activity)]
        shares = {
            "source": subspace_parts(source, axes["source"][:, : modes.n_shared(SHARED)]),
            "target": predicted_parts(
                target, *(target.scaled(rates, sigma_bins) for rates in (predicted.baseline, predicted.rates))
            ),
        }
        parts += [
            {**who, "region": region, "part": part, "share": share}
            for region, of_region in shares.items()
            for part, share in of_region.items()
        ]
    return {
        "alignment": pd.DataFrame(aligned, columns=COLUMNS),
        "shared_variance": pd.DataFrame(parts, columns=["recording", "fold", "region", "part", "share"]),
    }


def alignment_rows(axes: Array, activity: Activity) -> Iterator[dict[str, float]]:
    """A row for each number m of modes. axes: (unit, mode), in order.

    captured: share of the test variance in the subspace of the first m modes. captured_by_components: in that of m
    principal components. random: expected in a random subspace of m dimensions, m / units. angle: mean of the principal
    angles between the two, degrees.
    """
    covariance, total = _covariance(activity.test), float(np.trace(_covariance(activity.test)))
    components = principal_components(_covariance(activity.train), axes.shape[1])
    for m in range(1, min(axes.shape) + 1):
        basis = orthonormal_basis(axes[:, :m])
        if basis.shape[1] < m or total <= 0:
            return
        yield {
            "n_dimensions": m,
            "captured": variance_in(basis, covariance) / total,
            "captured_by_components": variance_in(components[:, :m], covariance) / total,
            "random": m / len(axes),
            "angle": float(principal_angles(basis, components[:, :m]).mean()),
        }


def subspace_parts(activity: Activity, axes: Array) -> dict[str, float]:
    """Part -> share of the variance; shared: in the space of the axes (unit, mode), beyond the noise there."""
    covariance = _covariance(activity.test)
    signal = covariance - np.diag(activity.noise)
    total = max(float(np.trace(covariance)), np.finfo(float).tiny)
    shared = variance_in(orthonormal_basis(axes), signal)
    return {
        "shared": shared / total,
        "private": (float(np.trace(signal)) - shared) / total,
        "noise": float(activity.noise.sum()) / total,
    }


def predicted_parts(activity: Activity, baseline: Array, rates: Array) -> dict[str, float]:
    """Part -> share of the variance; shared: what the rates explain beyond the baseline. Both as activity."""
    total = max(_mean_square(activity.test), np.finfo(float).tiny)
    left = {name: _mean_square(activity.test - values) for name, values in (("baseline", baseline), ("rates", rates))}
    noise = float(activity.noise.sum())
    return {
        "baseline": (total - left["baseline"]) / total,
        "shared": (left["baseline"] - left["rates"]) / total,
        "private": (left["rates"] - noise) / total,
        "noise": noise / total,
    }


def source_axes(model: Seq2Seq, modes: Modes, train: Windows, source: Activity) -> Array:
    """(source unit, mode): change of a mode by one SD of a unit's activity."""
    return np.asarray(source.sd[:, None] * jacobian(model.translator, some(train, MAX_JACOBIAN)) @ modes.weight)


def target_axes(modes: Modes, train: Windows, target: Activity) -> Array:
    """(target unit, mode): change of a unit's activity by one SD of the mode, at the mean rates."""
    return np.asarray((target.mean / target.sd)[:, None] * modes.readout[train.recording].T)


def _covariance(activity: Array) -> Array:
    """(unit, unit), around the training mean, so that it has the mean square deviation as its trace."""
    return np.asarray(activity.T @ activity / len(activity))


def _mean_square(values: Array) -> float:
    """Sum over units of the mean square over time."""
    return float(np.square(values).mean(axis=0).sum())
