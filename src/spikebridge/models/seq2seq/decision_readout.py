"""The read-out of decisions from the shared latents of one recording: many simple read-outs, averaged.

How many dimensions of the latents decide, and when in the window, differs between recordings, and a hundred trials are
too few to choose by. So the read-outs of several views are averaged. A view is the leading modes of the recording's
latents (see `modes`: uncorrelated, the one that the target's rates depend on most comes first; two, four or all) in one
summary over time. Each view has a ridge-penalised logistic regression; those that are worse than the best, on held-out
blocks of trials, by more than one standard error are left out. Beside them are trees on the same modes (Geurts et al.
2006, Machine Learning 63:3): regressions miss what is not linear, trees blur what is. The mean is that of the log odds
(a logarithmic opinion pool, Genest & Zidek 1986, Stat Sci 1:114), of the trees as one forest. A logistic regression is
linear in the latents of all bins, and so is the mean of many: it is kept as one read-out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.parts.features import segment_means
from spikebridge.models.parts.forest import Forest, merged
from spikebridge.models.parts.readout import INVERSE_PENALTIES, SUMMARIES, Readout, fit_readout, held_out_losses
from spikebridge.models.parts.tree_growth import Growth, grow
from spikebridge.models.seq2seq.modes import MAX_WINDOWS, modes_of

LEADING: tuple[int, ...] = (2, 4)
"""Numbers of leading modes; a further view has all."""
TREE_SEGMENTS = (1, 4)
"""Equal parts of the window in which trees see the mean of each mode."""
MIN_EFFECT = 1e-4
"""Of a mode of one SD on the log rates (root mean square over the target's units): below it nothing is translated."""
MIN_SAMPLES_LEAF = 5
MAX_FEATURES = 0.5
MIN_PROBABILITY = 1e-3  # of a class according to the trees, so that they cannot rule a class out alone
Array = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Decoder:
    """Decides in one recording.

    modes: (latent, mode), of unit variance. linear: of the latents of all bins, in order, and additional features.
    forest: on `tree_features`; None where there are no trees.
    """

    modes: Array
    linear: Readout
    forest: Forest | None

    def probabilities(self, latents: NDArray[np.floating], additional: Array, share: Array) -> Array:
        """(trial, bin, latent) and (trial, feature) -> (trial, class). share: (class,), of the training labels."""
        flat = latents.reshape(len(latents), -1).astype(np.float64)
        probabilities = self.linear.probabilities(np.hstack([flat, additional]))
        if self.forest is None:
            return probabilities
        return pool_with_forest(self.forest, tree_features(latents, self.modes, additional), share, probabilities)


def modes_of_recording(latents: NDArray[np.floating], log_rates: NDArray[np.floating]) -> Array:
    """(latent, mode), from latents (trial, bin, latent) and log rates over the baseline (trial, bin, target unit)."""
    rows = np.unique(np.linspace(0, len(latents) - 1, min(len(latents), MAX_WINDOWS)).round().astype(np.int64))
    flat = (a[rows].reshape(-1, a.shape[2]).astype(np.float64) for a in (latents, log_rates))
    modes = modes_of({"": (next(flat), next(flat))})
    effect = np.sqrt((modes.readout[""] ** 2).mean(axis=1))
    return np.asarray(modes.weight[:, effect > MIN_EFFECT])


def fit_decoders(
    latents: Mapping[str, NDArray[np.floating]], modes: Mapping[str, Array], labels: Mapping[str, Labels],
    n_classes: int, additional: Mapping[str, Array], n_trees: int, rng: np.random.Generator,
) -> dict[str, Decoder]:  # fmt: skip
    """One decoder for each recording. latents: (trial, bin, latent), in time order. additional: (trial, feature).

    Which views are left out, and the penalty of each, is decided on the trials of all recordings together. n_trees: of
    all views together.
    """
    views = [
        _linear_view(n, summary, latents, modes, labels, n_classes, additional)
        for n in (*LEADING, None)
        for summary in SUMMARIES
    ]
    kept = within_one_sem(np.array([losses for _, losses in views]))
    leading = tree_leading(kept)
    decoders = {}
    for name, z in latents.items():
        fits = [vars(fitted[name]) for (fitted, _), keep in zip(views, kept, strict=True) if keep]
        linear = Readout(**{k: np.mean([fit[k] for fit in fits], axis=0) for k in Readout.__dataclass_fields__})
        forest = None
        if n_trees:
            x, seed = tree_features(z, modes[name], additional[name]), int(rng.integers(2**31))
            columns = tree_views(leading, modes[name].shape[1], z.shape[1], additional[name].shape[1])
            forest = grow_forest(x, labels[name], columns, n_trees, seed)
        decoders[name] = Decoder(modes[name], linear, forest)
    return decoders


def within_one_sem(losses: Array) -> NDArray[np.bool_]:
    """(view,), whether its loss (view, trial) exceeds that of the best by one standard error of the difference at most.

    As the one-SE rule chooses a model (Breiman et al. 1984, Classification and Regression Trees, 3.4.3).
    """
    difference = losses - losses[losses.sum(axis=1).argmin()]
    return np.asarray(difference.mean(axis=1) <= difference.std(axis=1) / np.sqrt(losses.shape[1]))


def tree_leading(kept: NDArray[np.bool_]) -> list[int | None]:
    """The numbers of leading modes of which any linear view is kept, None for all."""
    by_number = np.any(kept.reshape(len(LEADING) + 1, -1), axis=1).tolist()
    return [n for n, any_kept in zip((*LEADING, None), by_number, strict=True) if any_kept]


def _linear_view(
    n: int | None, summary: str, latents: Mapping[str, NDArray[np.floating]], modes: Mapping[str, Array],
    labels: Mapping[str, Labels], n_classes: int, additional: Mapping[str, Array],
) -> tuple[dict[str, Readout], Array]:  # fmt: skip
    """The logistic read-outs of one view, as functions of the latents of all bins and of the additional features.

    Also the held-out loss of each trial, recordings one after the other, with the penalty of lowest total loss.
    """
    features = {
        name: np.hstack([SUMMARIES[summary](z @ modes[name][:, :n]), additional[name]]) for name, z in latents.items()
    }
    losses = np.hstack([held_out_losses(x, labels[name]) for name, x in features.items()])
    best = int(losses.sum(axis=1).argmin())
    fitted = {}
    for name, x in features.items():
        fit = fit_readout(x, labels[name], n_classes, INVERSE_PENALTIES[best])
        fitted[name] = _of_bins(fit, summary, modes[name][:, :n], latents[name].shape[1])
    return fitted, losses[best]


def _of_bins(fit: Readout, summary: str, modes: Array, n_bins: int) -> Readout:
    """A read-out of a summary of modes as one of the latents of all bins; both may be followed by other features."""
    over_time = SUMMARIES[summary](np.eye(n_bins)[:, :, None]).astype(np.float64)  # (bin, part of the summary)
    parts, (n_latents, n_modes) = over_time.shape[1], modes.shape
    weights = np.asarray(fit.weights, np.float64) / fit.scale
    of_summary, others = np.split(weights, [parts * n_modes])
    spread = np.einsum("bp,lm,pmc->blc", over_time, modes, of_summary.reshape(parts, n_modes, weights.shape[1]))
    spread = spread.reshape(n_bins * n_latents, weights.shape[1])
    bias = fit.bias - fit.mean @ weights
    return Readout(np.zeros(len(spread) + len(others)), np.ones(()), np.vstack([spread, others]), bias)


def tree_features(latents: NDArray[np.floating], modes: Array, additional: NDArray[np.floating]) -> Array:
    """(trial, feature): the means of each mode in each of TREE_SEGMENTS parts of the window, and `additional`."""
    projected = np.asarray(latents @ modes, dtype=np.float64)
    parts = [segment_means(projected, segments) for segments in TREE_SEGMENTS]
    return np.hstack([*parts, additional]).astype(np.float64)


def n_tree_features(n_modes: int, n_bins: int, n_additional: int) -> int:
    """Columns of `tree_features`."""
    return n_modes * sum(min(segments, n_bins) for segments in TREE_SEGMENTS) + n_additional


def tree_views(leading: Sequence[int | None], n_modes: int, n_bins: int, n_additional: int) -> list[NDArray[np.int64]]:
    """Columns of `tree_features` for every view that has trees: leading modes in one cut of the window, and others."""
    total, views, start = n_tree_features(n_modes, n_bins, n_additional), [], 0
    others = np.arange(total - n_additional, total)
    for segments in (min(s, n_bins) for s in TREE_SEGMENTS):
        columns = start + np.arange(segments * n_modes).reshape(segments, n_modes)
        views += [np.concatenate([columns[:, :n].ravel(), others]) for n in leading]
        start += segments * n_modes
    return views


def grow_forest(
    x: Array, label: Labels, views: Sequence[NDArray[np.int64]], n_estimators: int, seed: int
) -> Forest | None:
    """Extremely randomised trees on columns of x (trial, feature), classes weighted equally.

    views: columns; each view has its share of the trees, one at least. None for a single class or without a feature.
    """
    if len(np.unique(label)) < 2 or not x.shape[1]:
        return None
    growth = Growth(max(1, n_estimators // len(views)), MAX_FEATURES, MIN_SAMPLES_LEAF, extra=True)
    forests = [(grow(x[:, columns], label, growth, seed + number), columns) for number, columns in enumerate(views)]
    return merged(forests, x.shape[1])


def pool_with_forest(forest: Forest, x: Array, share: Array, probabilities: Array) -> Array:
    """(trial, class): mean of the log odds of a forest on features x (trial, feature) and of another read-out.

    share: (class,), of the training labels; it is the prior of the forest, which was grown with classes weighted
    equally. Classes that the forest does not know keep the other read-out's probability.
    """
    if not len(x):
        return probabilities
    present = forest.classes
    own = np.maximum(forest.predict_proba(x), MIN_PROBABILITY) * share[present]
    others = probabilities[:, present]
    both = np.sqrt(own / own.sum(axis=1, keepdims=True) * np.maximum(others / others.sum(axis=1, keepdims=True), 1e-12))
    out = probabilities.copy()
    out[:, present] = both / both.sum(axis=1, keepdims=True) * others.sum(axis=1, keepdims=True)
    return out
