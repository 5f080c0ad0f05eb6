"""Information about the target in each bin of held-out trials, summed over units: <folder>/bins/<recording>.npz.

runs/train/<model>/bins has the parts MODEL and BASELINE of a translator, runs/nested_models/encoding/bins one part for
each nested model. Each file holds trial (trial,), parts (their names) and nats (part, trial, bin). Sums over bins are
the nats of the tables of trials.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors import DataError

FOLDER = "bins"
MODEL, BASELINE = "model", "without_source"
"""Parts of a translator: all of its rates, and those of the baseline alone."""


@dataclass(frozen=True)
class BinNats:
    """Log likelihood of one recording in each bin over that of the training mean rates, out of fold.

    recording: its name. trial: (trial,). nats: part -> (trial, bin), summed over units; NaN where it is not known.
    """

    recording: str
    trial: NDArray[np.int64]
    nats: Mapping[str, NDArray[np.floating]]

    def of(self, part: str, trials: NDArray[np.int64]) -> NDArray[np.float64]:
        """(trial, bin): one part in the order of these trials. Raises DataError where one is not there."""
        order = np.argsort(self.trial)
        at = np.minimum(np.searchsorted(self.trial, trials, sorter=order), len(order) - 1)
        if part not in self.nats or not np.array_equal(self.trial[order[at]], trials):
            raise DataError(f"nats of bins of {self.recording}: expected {part!r} of every held-out trial; train again")
        return np.asarray(self.nats[part][order[at]], dtype=np.float64)


def write_bin_nats(folder: Path, parts: Iterable[BinNats]) -> None:
    """Write one file a recording into <folder>/bins, the trials of all folds in the order of their number; nothing
    where there are none."""
    by_recording: dict[str, list[BinNats]] = {}
    for part in parts:
        by_recording.setdefault(part.recording, []).append(part)
    for recording, several in by_recording.items():
        (folder / FOLDER).mkdir(exist_ok=True)
        trial = np.concatenate([one.trial for one in several])
        order = np.argsort(trial)
        names = list(several[0].nats)
        nats = np.stack([np.concatenate([one.nats[name] for one in several])[order] for name in names])
        with open(folder / FOLDER / f"{recording}.npz", "wb") as handle:
            np.savez_compressed(handle, trial=trial[order], parts=np.array(names), nats=nats.astype(np.float32))


def read_bin_nats(folder: Path, recording: str) -> BinNats:
    """What `write_bin_nats` wrote of one recording. Raises DataError naming the file where it cannot be read."""
    path = folder / FOLDER / f"{recording}.npz"
    try:
        with np.load(path, allow_pickle=False) as z:
            return BinNats(recording, z["trial"], dict(zip(z["parts"].tolist(), z["nats"], strict=True)))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path}: expected nats of each bin ({error}); run the stages train and nested_models again"
        ) from None
