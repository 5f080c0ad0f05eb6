"""Outer folds, inner folds and the gaps between them: the same for every model.

Within a recording neighbouring trials share drift and noise, so test sets are contiguous in time and training windows
near them are left out. Nothing here looks at the counts, apart from the gap's decorrelation time (see `gap`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spikebridge.artifacts.splits import content_hash
from spikebridge.config import SplitConfig
from spikebridge.duplicates import duplicate_recordings
from spikebridge.errors import ConfigError, DataError
from spikebridge.splits.gap import gap_s
from spikebridge.splits.verify import short_gaps
from spikebridge.types import Fold, Partition, Splits, Windows
from spikebridge.types.intervals import TOLERANCE_S, distance_to

log = logging.getLogger(__name__)

N_INNER_PIECES = 4
"""The training trials of a fold are cut into about this many contiguous pieces; one of them is the validation set."""
N_FULL_PIECES = 5
MIN_TRIALS_PER_BLOCK = 2
"""Labelled trials that a test block of a recording must have."""
ADAPTATION_SHARE = 0.5
"""Of the labelled trials of a held-out recording: those before the test block."""
MIN_ADAPTATION_WINDOWS = 10
N_ADAPTATION_PIECES = 5
"""The last of so many pieces of the windows to adapt to is for early stopping."""

Numbers = NDArray[np.int64]


def make_splits(
    windows: Sequence[Windows],
    config: SplitConfig,
    *,
    smoothing_s: float = 0.0,
    animals: Mapping[str, str] | None = None,
) -> Splits:
    """Make the folds of all recordings.

    By block: the labelled trials of each recording, in time, are cut into `n_outer_folds` contiguous blocks of nearly
    equal size; fold k tests block k of every recording. It trains on every window, labelled or not, at least the gap
    away from the block's span. Inside, the remaining trials are cut into about four contiguous pieces; inner fold j
    validates on piece k + j (counted round, so that it moves with the fold), unlabelled windows inside its span
    included, and trains at least the gap away from it.

    By recording or animal: contiguous groups of whole recordings (animals) are held out. Of a held-out recording the
    later half of the labelled trials is the test block. A fit may adapt to the windows before it, at least the gap
    away, without their labels; the last fifth of these is for early stopping. Inside, one training animal (recording)
    is held out in the same way while two remain, else the partitions are pieces as above.

    A gap in seconds that is shorter than the one that `auto` gives is used, with a warning; no model is promoted then.

    Parameters
    ----------
    windows : sequence of Windows
        One for each recording.
    config : SplitConfig
        How many folds, by what, and the gap.
    smoothing_s : float
        Half-width, in seconds, of any smoothing in time that a model applies across windows.
    animals : mapping of str to str, optional
        Recording -> animal; needed to split by animal.

    Returns
    -------
    Splits
        With their hash and the digests of the windows.

    Raises
    ------
    DataError
        Names the recording where there are too few trials, a gap leaves nothing to train on, or no training trial has
        one of the classes; and recordings that are duplicates.
    ConfigError
        Where the folds do not fit the number of recordings.
    """
    parts = {w.recording: w for w in sorted(windows, key=lambda w: w.recording)}
    if len(parts) != len(windows):
        raise DataError("windows of two recordings of one name")
    for part in parts.values():
        if not part.labelled.any():
            raise DataError.of("no-labelled-trial", part.recording, "no labelled trial to split")
    _refuse_rare_classes(parts, config.n_outer_folds)
    if duplicates := duplicate_recordings(windows):
        raise DataError.of("duplicate-windows", "", "; ".join(duplicates), subject="recordings")
    gaps = {n: gap_s(w, smoothing_s) if config.gap_s == "auto" else float(config.gap_s) for n, w in parts.items()}
    maker = _SplitMaker(parts, gaps, config, dict(animals or {}))
    folds = tuple(maker.by_block() if config.by == "block" else maker.by_group())
    full = maker.full()
    digests = {n: w.digest() for n, w in parts.items()}
    splits = Splits(by=config.by, gap_s=gaps, folds=folds, full=full, hash="", data=digests)
    if config.gap_s != "auto":
        for name, needed in short_gaps(splits, windows).items():
            text = "%s: split.gap_s = %g s is shorter than the %g s that its rates remember; auto is safe"
            log.warning(text, name, gaps[name], needed)
    return replace(splits, hash=content_hash(splits))


@dataclass(frozen=True)
class _SplitMaker:
    parts: Mapping[str, Windows]
    gaps: Mapping[str, float]
    config: SplitConfig
    animals: Mapping[str, str]

    def everything(self) -> dict[str, Numbers]:
        return {name: np.arange(len(w)) for name, w in self.parts.items()}

    def full(self) -> Partition:
        return self._validation_blocks(self.everything(), N_FULL_PIECES, N_FULL_PIECES // 2, "the fit on everything")

    def by_block(self) -> Iterator[Fold]:
        n_folds = self.config.n_outer_folds
        blocks = {}
        for name, w in self.parts.items():
            trials = np.flatnonzero(w.labelled)
            if len(trials) < MIN_TRIALS_PER_BLOCK * n_folds:
                raise DataError.of(
                    "too-few-trials-to-split",
                    name,
                    f"{len(trials)} labelled trials are too few for split.n_outer_folds = {n_folds}: expected "
                    f"at least {MIN_TRIALS_PER_BLOCK * n_folds}",
                )
            blocks[name] = np.array_split(trials, n_folds)
        for k in range(n_folds):
            test = {name: b[k] for name, b in blocks.items()}
            spans = {name: _span(self.parts[name], rows) for name, rows in test.items()}
            train = {
                n: self._rows_beyond_gap(n, rows, spans[n], f"test block {k}") for n, rows in self.everything().items()
            }
            yield self._fold(k, test, train, spans)

    def by_group(self) -> Iterator[Fold]:
        groups = self._groups(list(self.parts))
        if self.config.n_outer_folds > len(groups):
            raise ConfigError(
                f"split.n_outer_folds = {self.config.n_outer_folds}, but split.by = {self.config.by} finds "
                f"{len(groups)} ({', '.join(groups)})"
            )
        for k, held in enumerate(np.array_split(np.array(list(groups)), self.config.n_outer_folds)):
            out = {name for group in held for name in groups[str(group)]}
            train = {n: r for n, r in self.everything().items() if n not in out}
            pieces = self._validation_blocks(train, N_FULL_PIECES, k, f"the fit of fold {k}")
            fit = self._held_out(pieces, sorted(out))
            spans = {n: _span(self.parts[n], rows) for n, rows in fit.test.items()}
            yield replace(self._fold(k, dict(fit.test), train, spans), fit=fit)

    def _held_out(self, learned: Partition, names: Sequence[str]) -> Partition:
        """The partition, with a first part of the recordings of these names to adapt to, and a later part to score."""
        parts = {name: self._adaptation(name) for name in names}
        train, valid, test = ({name: part[i] for name, part in parts.items()} for i in range(3))
        return Partition(learned.train, learned.valid, Partition(train, valid), test)

    def _adaptation(self, name: str) -> tuple[Numbers, Numbers, Numbers]:
        """Windows to fit to, for early stopping, and to score, of a recording that is held out."""
        w, gap = self.parts[name], self.gaps[name] - TOLERANCE_S
        trials = np.flatnonzero(w.labelled)
        test = trials[round(len(trials) * ADAPTATION_SHARE) :]
        first = np.flatnonzero(w.start_s[test[0]] - w.stop_s >= gap) if len(test) else test
        valid = np.array_split(first, N_ADAPTATION_PIECES)[-1]
        learn = first[w.start_s[valid[0]] - w.stop_s[first] >= gap] if len(valid) else first
        if len(learn) < MIN_ADAPTATION_WINDOWS or len(test) < MIN_TRIALS_PER_BLOCK:
            raise DataError.of(
                "too-few-trials-to-fit-read-in",
                name,
                f"split.by = {self.config.by} fits the read-in to the first half of a recording, expected at "
                f"least {MIN_ADAPTATION_WINDOWS} windows there and {MIN_TRIALS_PER_BLOCK} labelled trials later, got "
                f"{len(learn)} and {len(test)} with a gap of {self.gaps[name]:.3g} s between: set a smaller "
                "split.gap_s, or leave this recording out",
            )
        return learn, valid, test

    def _groups(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Recordings per held-out unit: themselves, or those of one animal."""
        groups: dict[str, list[str]] = {}
        for name in names:
            if self.config.by == "animal" and name not in self.animals:
                raise DataError.of(
                    "animal-missing-to-split", name, "split.by = animal needs the animal of every recording"
                )
            groups.setdefault(self.animals[name] if self.config.by == "animal" else name, []).append(name)
        return dict(sorted(groups.items()))

    def _fold(self, k: int, test: dict[str, Numbers], train: dict[str, Numbers], spans: dict[str, NDArray]) -> Fold:
        self._check_classes(k, test, train)
        inner = tuple(self._inner(k, j, train) for j in range(self.config.n_inner_folds))
        return Fold(k, test, train, inner, {n: s[None] for n, s in spans.items()})

    def _inner(self, k: int, j: int, train: dict[str, Numbers]) -> Partition:
        if self.config.by != "block":
            groups = self._groups(list(train))
            if len(groups) == 1:
                groups = {name: [name] for name in train}
            if len(groups) > 1:
                if self.config.n_inner_folds > len(groups):
                    raise ConfigError(
                        f"split.n_inner_folds = {self.config.n_inner_folds}, but fold {k} trains on only {len(groups)} "
                        f"({', '.join(groups)})"
                    )
                held = groups[list(groups)[(k + j) % len(groups)]]
                rest = {n: r for n, r in train.items() if n not in held}
                learned = self._validation_blocks(rest, N_INNER_PIECES, k + j, f"the inner fold of fold {k}")
                return self._held_out(learned, held)
        pieces = max(N_INNER_PIECES, self.config.n_inner_folds)
        return self._validation_blocks(train, pieces, k + j, f"the inner fold of fold {k}")

    def _validation_blocks(self, train: dict[str, Numbers], n_pieces: int, which: int, where: str) -> Partition:
        """One contiguous piece of every recording's training trials to validate on; the rest, a gap away, to learn."""
        learn, valid = {}, {}
        for name, rows in train.items():
            w = self.parts[name]
            trials = rows[w.labelled[rows]]
            if len(trials) < n_pieces:
                raise DataError.of(
                    "too-few-training-trials",
                    name,
                    f"{len(trials)} labelled training trials are too few for {where}: expected {n_pieces} or more",
                )
            pieces = _pieces(rows, trials, n_pieces, self.config.n_inner_folds)
            span = _span(w, pieces[which % len(pieces)])
            inside = (w.start_s[rows] >= span[0] - TOLERANCE_S) & (w.stop_s[rows] <= span[1] + TOLERANCE_S)
            valid[name] = rows[inside]
            learn[name] = self._rows_beyond_gap(name, rows, span, where)
        return Partition(train=learn, valid=valid)

    def _rows_beyond_gap(self, name: str, rows: Numbers, span: NDArray[np.float64], where: str) -> Numbers:
        """The rows at least the gap from the span. Raises DataError where no labelled trial is left."""
        w = self.parts[name]
        far = distance_to(w.start_s[rows], w.stop_s[rows], span) >= self.gaps[name] - TOLERANCE_S
        if not w.labelled[rows[far]].any():
            raise DataError.of(
                "gap-leaves-no-training-trial",
                name,
                f"a gap of {self.gaps[name]:.3g} s around {where} ({span[0]:.1f} to {span[1]:.1f} s) leaves no "
                "trial to train on: set a smaller split.gap_s, fewer split.n_outer_folds, or leave this recording out",
            )
        return rows[far]

    def _check_classes(self, k: int, test: dict[str, Numbers], train: dict[str, Numbers]) -> None:
        classes = next(iter(self.parts.values())).classes
        everywhere: set[int] = set()
        for name, rows in train.items():
            labels = self.parts[name].label[rows]
            here = set(labels[labels >= 0].tolist())
            everywhere |= here
            if missing := [c for i, c in enumerate(classes) if i not in here]:
                log.warning("fold %d: no training trial of %s has label %s", k, name, ", ".join(missing))
        for name, rows in test.items():
            if len(set(self.parts[name].label[rows].tolist())) == 1:
                log.warning("fold %d: all test trials of %s have the label %s", k, name,
                            classes[self.parts[name].label[rows[0]]])  # fmt: skip
        if missing := [c for i, c in enumerate(classes) if i not in everywhere]:
            raise DataError.of(
                "fold-without-label",
                f"fold {k}",
                f"no training trial has label {', '.join(missing)}: all of them lie in its test block; try "
                "another split.n_outer_folds, or leave them out by trials.include",
            )


def _refuse_rare_classes(parts: Mapping[str, Windows], n_folds: int) -> None:
    """A class that most test sets lack can be neither learned nor scored."""
    labels = np.concatenate([w.label[w.labelled] for w in parts.values()])
    classes = next(iter(parts.values())).classes
    counts = dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))
    if rare := [f"{name} ({n})" for name, n in counts.items() if n < n_folds]:
        raise DataError.of(
            "too-few-trials-of-label",
            "",
            f"too few trials of the label {', '.join(rare)}: expected at least split.n_outer_folds = {n_folds} over "
            "all recordings; leave such trials out by trials.include, or use fewer folds",
            subject="trials.label",
        )


def _span(w: Windows, rows: Numbers) -> NDArray[np.float64]:
    return np.array([w.start_s[rows].min(), w.stop_s[rows].max()])


def _pieces(rows: Numbers, trials: Numbers, n_pieces: int, needed: int) -> list[Numbers]:
    """Labelled trials cut into contiguous pieces, none of which straddles a hole that a test block left.

    A hole is a jump in the window numbers of the training set. Each run of trials between holes gets pieces by its
    share of the trials. Pieces of less than half the fair size are left out while `needed` others remain.
    """
    holes = rows[1:][np.diff(rows) > 1]
    runs = [r for r in np.split(trials, np.searchsorted(trials, holes)) if len(r)]
    shares = [min(len(r), max(1, round(n_pieces * len(r) / len(trials)))) for r in runs]
    while sum(shares) < n_pieces and any(s < len(r) for s, r in zip(shares, runs, strict=True)):
        room = [len(r) / s if s < len(r) else 0.0 for s, r in zip(shares, runs, strict=True)]
        shares[int(np.argmax(room))] += 1
    pieces = [piece for run, n in zip(runs, shares, strict=True) for piece in np.array_split(run, n)]
    large = [piece for piece in pieces if 2 * n_pieces * len(piece) >= len(trials)]
    return large if len(large) >= needed else pieces
