"""Proposed settings of the translator: those that depend on the recordings, by one rule for every recording.

Only what is known before any fit is used: the length of the windows, the width of the bins and the observed time. No
count of the target is looked at, so that no test block can have chosen a setting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from spikebridge.inspection.reading import OpenedRecording

SMOOTHING_SHARE = 1 / 8
"""SD of the kernel over the length of the window."""
MAX_SMOOTHING_S = 0.15
"""A wider kernel does not help in longer windows: the network integrates over time itself."""
FEW_BINS = 10_000
"""Observed bins of the median recording. With fewer, more and larger networks take little time."""
SMALL: Mapping[str, Any] = {"hidden_size": 32, "n_members": 2}
LARGE: Mapping[str, Any] = {"hidden_size": 64, "n_members": 4}
MIN_SPIKES = 20
"""Of a unit in the shortest recording, on average over units at the proposed `min_rate_hz`."""
MIN_RATES_HZ = (0.1, 0.2, 0.5)
"""Possible values of `data.min_rate_hz`."""


def propose_min_rate(recordings: Sequence[OpenedRecording], comments: dict[str, str]) -> float:
    """The lowest rate at which a unit has MIN_SPIKES spikes in every recording; the highest candidate if none."""
    shortest_s = min(_observed_s(recordings), default=0.0)
    if shortest_s <= 0:
        return MIN_RATES_HZ[0]
    rate = next((r for r in MIN_RATES_HZ if r * shortest_s >= MIN_SPIKES), MIN_RATES_HZ[-1])
    if rate > MIN_RATES_HZ[0]:
        spikes, fewer = rate * shortest_s, MIN_RATES_HZ[0] * shortest_s
        comments["data.min_rate_hz"] = (
            f"{spikes:.0f} spikes in the {shortest_s:.0f} s observed; {MIN_RATES_HZ[0]:g} would be {fewer:.0f}"
        )
    return rate


def propose_translator(
    recordings: Sequence[OpenedRecording], window_s: Sequence[float], bin_s: float
) -> tuple[dict[str, Any], dict[str, str]]:
    """Settings of models.seq2seq, and the reason of each."""
    length_s = window_s[1] - window_s[0]
    smoothing_s = min(max(length_s * SMOOTHING_SHARE, bin_s), MAX_SMOOTHING_S)
    bins = median(_observed_s(recordings) or [0.0]) / bin_s
    few = 0 < bins < FEW_BINS
    size = LARGE if few else SMALL
    reason = (
        f"{_rounded(bins)} observed bins in the median recording, {'fewer' if few else 'not fewer'} than {FEW_BINS}: "
        + (
            "more and larger networks take little time, and their mean is less noisy"
            if few
            else "small networks suffice"
        )
    )
    bounds = f"at least a bin of {bin_s:g} s, at most {MAX_SMOOTHING_S:g} s"
    reasons = {"smoothing_s": f"an eighth of the window of {length_s:g} s, {bounds}"} | dict.fromkeys(size, reason)
    return {"smoothing_s": round(smoothing_s, 3), **size}, reasons


def _observed_s(recordings: Sequence[OpenedRecording]) -> list[float]:
    """Seconds of each recording that has spikes."""
    return [opened.summary.spikes.observed_s for opened in recordings if opened.summary.spikes is not None]


def _rounded(n: float) -> int:
    """To two digits."""
    return int(float(f"{n:.1e}"))
