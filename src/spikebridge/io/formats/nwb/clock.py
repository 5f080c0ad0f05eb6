"""Parts of the NWB readers: the moment from which the times of a file count."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikebridge.io.contents import Contents

MIN_DIFFERENCE_S = 1.0e-3


def reference_time(nwb: Any, contents: Contents) -> list[str]:
    """A note where times count from another moment than the start of the session, unless it cannot be misread.

    NWB counts all times from timestamps_reference_time, but some writers count some of them from session_start_time.
    Where the two lie further apart than spikes and tables that overlap, all of them count from one moment.
    """
    start, reference = nwb.session_start_time, nwb.timestamps_reference_time
    if start is None or reference is None or (start.tzinfo is None) != (reference.tzinfo is None):
        return []
    seconds = (start - reference).total_seconds()
    if abs(seconds) < MIN_DIFFERENCE_S or _all_overlap(contents, abs(seconds)):
        return []
    where = "after" if seconds > 0 else "before"
    return [
        f"the session starts (session_start_time, {start.isoformat()}) {abs(seconds):.10g} s {where} the moment from "
        f"which NWB counts times (timestamps_reference_time, {reference.isoformat()}). Where the spikes or the trials "
        f"of this file count from the start of the session instead, set data.offset_s: {{spikes: {seconds:.10g}}} or "
        f"{{trials: {seconds:.10g}}}"
    ]


def _all_overlap(contents: Contents, seconds: float) -> bool:
    """Whether spikes and every interval table overlap, and none of them is as long as this."""
    columns = [contents.spikes["time_s"]]
    columns += [table["start_time"] for table in contents.tables.values() if len(table)]
    spans = [(float(np.nanmin(c)), float(np.nanmax(c))) for c in columns if np.isfinite(c).any()]
    longest = max((b - a for a, b in spans), default=0.0)
    return bool(spans) and longest < seconds and max(a for a, _ in spans) <= min(b for _, b in spans)
