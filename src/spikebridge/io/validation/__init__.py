"""What a recording must hold, apart from how it was read. Everything wrong is reported at once.

A check is a function of a `CheckedRecording` that yields findings; adding one is adding it to `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding, split_errors
from spikebridge.io.validation.checked_recording import CheckedRecording
from spikebridge.io.validation.clocks import check_clocks, check_own_start
from spikebridge.io.validation.names import (
    check_characters,
    check_labels,
    check_region_characters,
    check_regions,
    check_series_characters,
    check_trial_characters,
)
from spikebridge.io.validation.time_spans import check_behavior, check_observed, check_pauses, check_scale
from spikebridge.io.validation.trials import check_columns, check_events, check_include, check_spans
from spikebridge.io.validation.units import (
    check_equal_trains,
    check_ids,
    check_numbers,
    check_order,
    check_shared_spikes,
    check_time_unit,
    check_values,
)
from spikebridge.io.validation.windows import check_windows
from spikebridge.types import Recording

Check = Callable[[CheckedRecording], Iterator[Finding]]

CHECKS: dict[Check, str] = {
    check_ids: "spikes",
    check_numbers: "spikes",
    check_equal_trains: "regions",
    check_shared_spikes: "regions",
    check_regions: "regions",
    check_values: "spikes",
    check_order: "spikes",
    check_time_unit: "spikes",
    check_observed: "observed",
    check_pauses: "observed",
    check_columns: "trials",
    check_include: "trials",
    check_spans: "trials",
    check_own_start: "trials",
    check_events: "trials",
    check_labels: "trials",
    check_scale: "trials",
    check_windows: "trials",
    check_clocks: "trials",
    check_behavior: "behavior",
    check_characters: "spikes",
    check_region_characters: "regions",
    check_trial_characters: "trials",
    check_series_characters: "behavior",
}
"""Each check, and the part of the recording that it needs."""


def check(
    recording: Recording,
    data: DataConfig,
    trials: TrialsConfig,
    earlier: Collection[Finding] = (),
    missing: Collection[str] = (),
    time_unit_options: bool = False,
    unused: Collection[int] = (),
) -> tuple[Finding, ...]:
    """Check a recording.

    Parameters
    ----------
    recording : Recording
        The recording, with the notes of its reader as warnings.
    data : DataConfig
        The section `data`.
    trials : TrialsConfig
        The section `trials`.
    earlier : collection of Finding
        What was found when the recording was chosen.
    missing : collection of str
        Parts that could not be chosen (see spikebridge.io.choose.Choice). Checks of them are left out, since the
        earlier findings name what is wrong with them.
    time_unit_options : bool
        Whether `data.options` may say the unit of times; then remedies name these options.
    unused : collection of int
        Ids of units that no result uses (see spikebridge.io.choose.Choice).

    Returns
    -------
    tuple of Finding
        The warnings of a sound recording, those of its reader first.

    Raises
    ------
    DataError
        Naming the file and everything wrong in it; its `warnings` are all other findings.
    """
    checked = CheckedRecording(recording, data, trials, frozenset(unused), time_unit_options)
    findings = (f for run_check, part in CHECKS.items() if part not in missing for f in run_check(checked))
    errors, others = split_errors([*earlier, *findings])
    warnings = (*recording.warnings, *others)
    if errors:
        raise DataError.about(recording.source_file or recording.name, errors, warnings)
    return warnings


__all__ = ["CHECKS", "check"]
