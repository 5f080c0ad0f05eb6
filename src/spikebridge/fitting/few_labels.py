"""Decisions in recordings that are held out as a whole, with none, some and all of their labels, on the same trials.

The test trials of a recording are cut into blocks. A model that was adapted to the recording without labels gets the
first n labelled trials that are at least the gap away from the block. Beside it, a model of the same settings is fitted
from scratch to all windows of this recording that are so far away, with all their labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.few_labels import FewLabels, few_label_rows
from spikebridge.models import Model
from spikebridge.types import Fold, Windows
from spikebridge.types.intervals import TOLERANCE_S, distance_to

N_LABELS = (10, 30, 100)
N_BLOCKS = 3
N_PIECES = 5
"""The middle one of so many pieces of the windows is for the early stopping of a fit from scratch."""
Rows = NDArray[np.int64]
Rng = Callable[[str, int], np.random.Generator]


def with_few_labels(
    model: Model, fresh: Callable[[], Model], data: Sequence[Windows], fold: Fold, gaps: dict[str, float], rng: Rng
) -> Iterator[pd.DataFrame]:
    """Predict the test trials of held-out recordings with 0, 10, 30 and 100 labels, and from scratch.

    Parameters
    ----------
    model : Model
        Fitted in the fold and adapted to the held-out recordings without labels. Its read-outs are not restored.
    fresh : Callable
        Gives a model of the same settings that is not fitted.
    data : sequence of Windows
        One for each recording.
    fold : Fold
        The outer fold.
    gaps : dict of str to float
        Gap around test blocks by recording, seconds.
    rng : Callable
        (recording, block) -> the only source of randomness of a fit from scratch.

    Yields
    ------
    DataFrame
        Rows of few_labels.parquet. A number of labels that a block of the recording does not have is left out.
    """
    for w in data:
        test = fold.test.get(w.recording)
        if test is None or not len(test):
            continue
        blocks = [rows for rows in np.array_split(test, N_BLOCKS) if len(rows)]
        far = [_far(w, rows, gaps[w.recording]) for rows in blocks]
        pools = [rows[w.labelled[rows]] for rows in far]
        for n in (0, *(n for n in N_LABELS if min(map(len, pools)) >= n)):
            for rows, pool in zip(blocks, pools, strict=True):
                if n:
                    model.learn_labels(w.select(pool[:n]))
                used = FewLabels("adapted", str(n), n, _distance(w, rows, pool[:n]))
                yield _predicted(model, w.select(rows), fold.fold, used)
        for number, (rows, known) in enumerate(zip(blocks, far, strict=True)):
            scratch = fresh()
            train, valid = _pieces(w, known, gaps[w.recording])
            scratch.fit([w.select(train)], [w.select(valid)], rng(w.recording, number))
            learned = np.concatenate([train, valid])
            used = FewLabels("from scratch", "all", int(w.labelled[learned].sum()), _distance(w, rows, learned))
            yield _predicted(scratch, w.select(rows), fold.fold, used)


def _predicted(model: Model, test: Windows, fold: int, used: FewLabels) -> pd.DataFrame:
    probabilities = model.predict(test).probabilities
    assert probabilities is not None
    return few_label_rows(test, fold, probabilities, model.decide(probabilities, test.recording), used)


def _far(w: Windows, block: Rows, gap: float) -> Rows:
    """Windows of the recording that are at least the gap away from the span of a block."""
    return np.flatnonzero(_distances(w, block) >= gap - TOLERANCE_S)


def _distance(w: Windows, block: Rows, learned: Rows) -> float:
    """Seconds between a block and the nearest of the windows; infinite where there are none."""
    return float(_distances(w, block)[learned].min(initial=np.inf))


def _distances(w: Windows, block: Rows) -> NDArray[np.float64]:
    return distance_to(w.start_s, w.stop_s, [w.start_s[block].min(), w.stop_s[block].max()])


def _pieces(w: Windows, known: Rows, gap: float) -> tuple[Rows, Rows]:
    """Windows to fit to, and a piece for early stopping at least the gap away from them."""
    valid = np.array_split(known, N_PIECES)[N_PIECES // 2]
    return known[_distances(w, valid)[known] >= gap - TOLERANCE_S], valid
