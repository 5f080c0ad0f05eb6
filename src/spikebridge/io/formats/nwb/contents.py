"""An open NWB file, of HDF5 or Zarr, as Contents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from spikebridge.config import Section
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.io.contents import Contents, no_behavior
from spikebridge.io.formats.nwb.columns import NwbLog, to_text
from spikebridge.io.formats.nwb.electrodes import unit_locations
from spikebridge.io.formats.nwb.tables import behavior_series, interval_tables, named_objects
from spikebridge.io.formats.nwb.units import choose_units_tables, empty_units, read_observed, read_spikes, read_units
from spikebridge.io.joining import ProbeContents, join_probes

MIN_DIFFERENCE_S = 1.0e-3


class NWBOptions(Section):
    """What `data.options` may contain.

    Parameters
    ----------
    units : str or list of str
        Paths of the units tables that are read; "auto" takes the first.
    """

    units: str | list[str] = Field(
        "auto",
        description="path of the units table where a file has several (processing/ecephys/units), or a list of paths: "
        "these tables are read as the probes of one recording",
    )


def contents_of(nwb: Any, name: str, path: Path, options: NWBOptions, log: NwbLog) -> Contents:
    """Read everything of an open NWB file that `Contents` has a place for.

    Parameters
    ----------
    nwb : pynwb.NWBFile
        The open file, of HDF5 or Zarr.
    name : str
        Name of the recording.
    path : Path
        The file or folder, for messages.
    options : NWBOptions
        Which tables of units are read.
    log : NwbLog
        Receives what is wrong and unusual; may already hold errors.

    Returns
    -------
    Contents
        Of several tables of units, the joined recording.

    Raises
    ------
    DataError
        With everything that is wrong.
    """
    objects = list(named_objects(nwb))
    chosen = choose_units_tables(nwb, objects, options.units, log)
    tables = log.guarded("interval tables", {}, interval_tables, objects, log)
    behavior = log.guarded("behavior", no_behavior(), behavior_series, objects, log)
    subject = getattr(nwb.subject, "subject_id", None) if nwb.subject is not None else None
    shared = Contents(
        name=name,
        animal=to_text(subject) or "unknown",
        spikes=empty_units().assign(time_s=0.0),
        units=empty_units(),
        tables=tables,
        behavior=behavior,
        source_file=path.name,
    )
    by_table = {where: _with_units(shared, nwb, table, where, log) for where, table in chosen.items()}
    if log.errors or not by_table:
        raise DataError.about(path, log.errors)
    log.notes.extend(reference_time_notes(nwb, next(iter(by_table.values()))))
    if len(by_table) == 1:
        return replace(next(iter(by_table.values())), notes=tuple(log.notes))
    ends = [where.rpartition("/")[2] for where in by_table]
    names = ends if len(set(ends)) == len(ends) else list(by_table)
    joined = join_probes(
        name, [ProbeContents(n, part) for n, part in zip(names, by_table.values(), strict=True)], path.name
    )
    return replace(joined, notes=(*log.notes, *joined.notes))


def _with_units(shared: Contents, nwb: Any, table: Any, where: str, log: NwbLog) -> Contents:
    """The contents of a file with the units of one table; what cannot be read is added to `log.errors`."""
    units = log.guarded(where, empty_units(), read_units, table, where, log)
    if not len(units):
        return shared
    spikes = log.guarded(where, shared.spikes, read_spikes, table, units, where, log)
    places = log.guarded(where, {}, unit_locations, nwb, table, where, log)
    observed = log.guarded(where, None, read_observed, table, where, log)
    return replace(shared, spikes=spikes, units=units, places=places, observed_of_unit=observed)


def reference_time_notes(nwb: Any, contents: Contents) -> list[Finding]:
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
    text = (
        f"the session starts (session_start_time, {start.isoformat()}) {abs(seconds):.10g} s {where} the moment from "
        f"which NWB counts times (timestamps_reference_time, {reference.isoformat()})."
    )
    remedy = (
        "Where the spikes or the trials of this file count from the start of the session instead, set data.offset_s: "
        f"{{spikes: {seconds:.10g}}} or {{trials: {seconds:.10g}}}"
    )
    return [Finding.warning("reference-time-not-session-start", "timestamps_reference_time", text, remedy)]


def _all_overlap(contents: Contents, seconds: float) -> bool:
    """Whether spikes and every interval table overlap, and none of them is as long as this."""
    columns = [contents.spikes["time_s"]]
    columns += [table["start_time"] for table in contents.tables.values() if len(table)]
    spans = [(float(np.nanmin(c)), float(np.nanmax(c))) for c in columns if np.isfinite(c).any()]
    longest = max((b - a for a, b in spans), default=0.0)
    return bool(spans) and longest < seconds and max(a for a, _ in spans) <= min(b for _, b in spans)
