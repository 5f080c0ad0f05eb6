"""What a saved model was fitted on, as served.json and adapted.json hold it: settings, and windows by recording.

By it `spikebridge predict` reads new recordings with the same settings, and recognises windows that are not new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spikebridge.config import WindowSections
from spikebridge.errors import DataError
from spikebridge.types import Windows
from spikebridge.types.intervals import merge_intervals

SECTIONS = ("data", "quality", "trials", "bins")
"""Sections of params.yaml that decide what a window holds."""
HASH_DIGITS = 16


@dataclass(frozen=True)
class FittedRecording:
    """The windows of one recording that a model was fitted on.

    Parameters
    ----------
    spikes : str
        Digest of all spike times of the recording, as recording.json holds it; empty where it is not known.
    intervals : sequence of (start, stop)
        Seconds: the time that the windows cover.
    windows : frozenset of str
        Hashes of the counts of the trial windows; see `window_hashes`.
    """

    spikes: str
    intervals: tuple[tuple[float, float], ...]
    windows: frozenset[str]

    @classmethod
    def of(cls, w: Windows, spikes: str = "") -> Self:
        """All windows of a recording.

        Parameters
        ----------
        w : Windows
            What the model was fitted on.
        spikes : str
            The digest of its spike times.

        Returns
        -------
        FittedRecording
            The record.
        """
        spans = merge_intervals(np.column_stack([w.start_s, w.stop_s]))
        hashes = window_hashes(w.source[w.in_trial])
        return cls(spikes, tuple((float(a), float(b)) for a, b in spans), frozenset(hashes) - {""})

    def covers(self, w: Windows, spikes: str) -> NDArray[np.bool_]:
        """Which windows are not new.

        A window is known where it touches time that the model was fitted on. That holds only on the same clock:
        the spikes of the recording are the same, or some of its trial windows are.

        Parameters
        ----------
        w : Windows
            Of a recording of the same name.
        spikes : str
            The digest of its spike times.

        Returns
        -------
        NDArray of bool, shape (window,)
            True where the model was fitted on it, or on a part of it.
        """
        same = np.array([name in self.windows for name in window_hashes(w.source)], dtype=bool)
        if not (same.any() or (spikes and spikes == self.spikes)):
            return same
        start, stop = np.array(self.intervals, dtype=np.float64).reshape(-1, 2).T
        touched = (w.start_s[:, None] < stop - 1e-9) & (w.stop_s[:, None] > start + 1e-9)
        return np.asarray(same | touched.any(axis=1))


@dataclass(frozen=True)
class FittedOn:
    """What a model was fitted on.

    Parameters
    ----------
    settings : mapping
        Section of params.yaml -> its settings, for each of SECTIONS; empty where they are not known.
    recordings : mapping of str to FittedRecording
        By name.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    recordings: Mapping[str, FittedRecording] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """The record as JSON holds it.

        Returns
        -------
        dict
            `parse` reads it.
        """
        recordings = {
            name: {"spikes": r.spikes, "intervals": [list(i) for i in r.intervals], "windows": sorted(r.windows)}
            for name, r in self.recordings.items()
        }
        return {"settings": dict(self.settings), "recordings": recordings}

    @classmethod
    def parse(cls, content: Mapping[str, Any], where: str) -> Self:
        """Read what `content` gives.

        Parameters
        ----------
        content : mapping
            From JSON; may be empty.
        where : str
            The file, for messages.

        Returns
        -------
        FittedOn
            The record.

        Raises
        ------
        DataError
            Where it is damaged.
        """
        try:
            recordings = {
                str(name): FittedRecording(
                    str(r["spikes"]),
                    tuple((float(a), float(b)) for a, b in r["intervals"]),
                    frozenset(map(str, r["windows"])),
                )
                for name, r in content.get("recordings", {}).items()
            }
            return cls(dict(content.get("settings", {})), recordings)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{where}: fitted_on cannot be read ({error!r}); register or adapt the model again"
            ) from None


def settings_of(sections: WindowSections) -> dict[str, Any]:
    """The settings of windows, as JSON holds them.

    Parameters
    ----------
    sections : WindowSections
        The sections.

    Returns
    -------
    dict
        Section -> its settings.
    """
    return {name: getattr(sections, name).model_dump(mode="json") for name in SECTIONS}


def window_hashes(counts: NDArray[np.unsignedinteger]) -> list[str]:
    """A hash of the counts of each window. A window without any spike has none: others would be the same by chance.

    Parameters
    ----------
    counts : NDArray, shape (window, bin, unit), spikes per bin
        Of the source; the integer type does not matter.

    Returns
    -------
    list of str
        Hexadecimal digits, or "" for a window without spikes.
    """
    plain = np.ascontiguousarray(counts, dtype="<u4")
    shape = str(plain.shape[1:]).encode()
    return [hashlib.sha256(shape + w.tobytes()).hexdigest()[:HASH_DIGITS] if w.any() else "" for w in plain]
