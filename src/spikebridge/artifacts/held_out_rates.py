"""Rates of held-out trials that scores of single bins need: <folder>/held_out_rates/<recording>.npz.

trial    (trial,), int64, row of the trial table, rising
parts    (part,), text, names of the parts
rates    (part, trial, bin, unit), float16, spikes per bin; half precision is 0.05 % of a rate

runs/train/<model> has the part BASELINE of a translator (its own rates lie in rates/), runs/nested_models/encoding one
part for each nested model with the target's history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors import DataError

FOLDER = "held_out_rates"
BASELINE = "without_source"
"""The part of a translator: rates of its baseline alone. A model that reads the target's past has no such file."""


@dataclass(frozen=True)
class HeldOutRates:
    """Rates of one recording, out of fold.

    Parameters
    ----------
    recording : str
        Name of the recording.
    trial : NDArray, shape (trial,)
        Row of the trial table.
    rates : mapping of str to NDArray, shape (trial, bin, unit), spikes per bin
        Part -> rates.
    """

    recording: str
    trial: NDArray[np.int64]
    rates: Mapping[str, NDArray[np.floating]]

    def of(self, part: str, trials: NDArray[np.int64]) -> NDArray[np.float64]:
        """One part in the order of given trials.

        Parameters
        ----------
        part : str
            Name of the part.
        trials : NDArray, shape (trial,)
            Rows of the trial table.

        Returns
        -------
        NDArray, shape (trial, bin, unit)
            Rates, spikes per bin.

        Raises
        ------
        DataError
            Where the part, or one of the trials, is not there.
        """
        order = np.argsort(self.trial)
        at = np.minimum(np.searchsorted(self.trial, trials, sorter=order), len(order) - 1)
        if part not in self.rates or not np.array_equal(self.trial[order[at]], trials):
            raise DataError(
                f"held-out rates of {self.recording}: expected {part!r} of every held-out trial; run the stages train "
                "and nested_models again"
            )
        return np.asarray(self.rates[part][order[at]], dtype=np.float64)


def write_held_out_rates(folder: Path, parts: Iterable[HeldOutRates]) -> None:
    """Write one file a recording, the trials of all folds in the order of their number; none where there are none.

    Parameters
    ----------
    folder : Path
        Gets the folder held_out_rates.
    parts : iterable of HeldOutRates
        Of every fold and recording; those of a recording have the same parts.
    """
    by_recording: dict[str, list[HeldOutRates]] = {}
    for part in parts:
        by_recording.setdefault(part.recording, []).append(part)
    for recording, several in by_recording.items():
        (folder / FOLDER).mkdir(exist_ok=True)
        trial = np.concatenate([fold_rates.trial for fold_rates in several])
        order = np.argsort(trial)
        names = list(several[0].rates)
        rates = np.stack([np.concatenate([fold_rates.rates[name] for fold_rates in several])[order] for name in names])
        with open(folder / FOLDER / f"{recording}.npz", "wb") as handle:
            np.savez_compressed(handle, trial=trial[order], parts=np.array(names), rates=rates.astype(np.float16))


def read_held_out_rates(folder: Path, recording: str) -> HeldOutRates:
    """Read what `write_held_out_rates` wrote of one recording.

    Parameters
    ----------
    folder : Path
        Has the folder held_out_rates.
    recording : str
        Name of the recording.

    Returns
    -------
    HeldOutRates
        Rates in half precision.

    Raises
    ------
    DataError
        Where the file cannot be read.
    """
    path = folder / FOLDER / f"{recording}.npz"
    try:
        with np.load(path, allow_pickle=False) as z:
            return HeldOutRates(recording, z["trial"], dict(zip(z["parts"].tolist(), z["rates"], strict=True)))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path}: expected rates of held-out trials ({error}); run the stages train and nested_models again"
        ) from None
