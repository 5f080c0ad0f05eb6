"""Columns under another name than the one that is read: which it may be, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

ALSO_CALLED = {
    "unit": "unitid unitname unitids cluster clusterid clusters clu cell cellid neuron neuronid id",
    "time_s": "time times t timestamp timestamps ts spiketime spiketimes seconds sec timesec timeseconds",
    "start_time": "start starts startt startsec starttimes trialstart tstart onset onsettime begin begintime from",
    "stop_time": "stop stops end ends endtime stopt trialend trialstop tend tstop offset offsettime finish until to",
    "series": "name variable signal channel",
    "value": "values y data",
}
"""Name of a column -> what others call it, without case, blanks and underscores."""
UNITS = {"time_ms": "{time_unit: ms}", "time_us": "{time_unit: us}"}
UNITS |= {"time_samples": "{time_unit: samples, sampling_rate_hz: 30000}"}


def called(name: str, columns: Iterable[str]) -> str:
    """What may be meant by a column that is not there, as the end of a sentence; empty where nothing is near."""
    columns = [str(c) for c in columns]
    if name == "time_s" and (other := next((c for c in columns if c.lower() in UNITS), "")):
        said = UNITS[other.lower()]
        return f"; to read {other}, set data.options: {said} (inspect: {as_options(said)})"
    known = ALSO_CALLED.get(name, "").split()
    alike = [c for c in columns if "".join(filter(str.isalnum, c.lower())) in known]
    if alike:
        return f"; is it {alike[0]!r}? Call it {name}"
    near = difflib.get_close_matches(name, [c for c in columns if c not in ALSO_CALLED], n=1, cutoff=0.8)
    return f"; is it {near[0]!r}, misspelt?" if near else ""


def as_options(said: str) -> str:
    """{time_unit: ms} as arguments of the command line: --option time_unit=ms."""
    return " ".join(f"--option {pair.replace(': ', '=')}" for pair in said.strip("{}").split(", "))
