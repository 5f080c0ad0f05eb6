"""What `data.options` can say about times, added to messages about their unit where the reader takes such options."""

from __future__ import annotations

import re

from spikebridge.config import Section

RULES = (
    (
        r"^spike times are not in seconds",
        "; or leave it as it is and set data.options: {time_unit: ms} (us; samples with sampling_rate_hz: 30000), "
        "and trial_time_unit: s where trials are in seconds (inspect: --option time_unit=ms)",
    ),
    (r"the spikes look like milliseconds", "; or set data.options: {time_unit: ms, trial_time_unit: s}"),
    (r"outside the spikes' range.*look like milliseconds", "; or set data.options: {trial_time_unit: ms}"),
    (r"outside the spikes' range.*look like microseconds", "; or set data.options: {trial_time_unit: us}"),
    (
        r"outside the spikes' range.*look like samples",
        "; or set data.options: {trial_time_unit: samples, sampling_rate_hz: 30000}",
    ),
    (r"^behaviour .*is it in seconds\?$", " If not, set data.options: {behavior_time_unit: ms} (or us, samples)"),
    (
        r"trial.*are both in seconds( on one clock)?\?",
        " Where trials count otherwise than spikes, set data.options: {trial_time_unit: ms} (or us, samples)",
    ),
)
"""What a message says, and what is added to it."""


def takes_units_of_time(options: type[Section]) -> bool:
    """Whether `data.options` of a reader may say the unit of spikes, of trials and of behaviour."""
    return {"time_unit", "trial_time_unit", "behavior_time_unit"} <= set(options.model_fields)


def with_remedy(text: str) -> str:
    """A message about a unit of time with what to set; any other as it is."""
    if "data.options" in text:
        return text
    return text + next((remedy for said, remedy in RULES if re.search(said, text)), "")
