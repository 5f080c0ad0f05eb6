"""Parts of the NWB readers: an open file, of HDF5 or Zarr -> Contents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import Field

from spikebridge.config import Section
from spikebridge.errors import DataError
from spikebridge.io.contents import Contents, no_behavior
from spikebridge.io.formats.nwb.behavior import behavior_table
from spikebridge.io.formats.nwb.clock import reference_time
from spikebridge.io.formats.nwb.columns import Log, text
from spikebridge.io.formats.nwb.places import places_of
from spikebridge.io.formats.nwb.tables import interval_tables
from spikebridge.io.formats.nwb.units import no_units, observed_of, spikes_of, units_of, units_tables
from spikebridge.io.formats.nwb.walk import walk
from spikebridge.io.joining import Part, join


class NWBOptions(Section):
    """What `data.options` may say."""

    units: str | list[str] = Field(
        "auto",
        description="path of the units table where a file has several (processing/ecephys/units), or a list of paths: "
        "these tables are read as the probes of one recording",
    )


def contents_of(nwb: Any, name: str, path: Path, options: NWBOptions, log: Log) -> Contents:
    """Everything of an open NWB file. Raises DataError with everything wrong, not the first thing."""
    objects = list(walk(nwb))
    chosen = units_tables(nwb, objects, options.units, log)
    tables = log.guarded("interval tables", {}, interval_tables, objects, log)
    behavior = log.guarded("behavior", no_behavior(), behavior_table, objects, log)
    subject = getattr(nwb.subject, "subject_id", None) if nwb.subject is not None else None
    shared = Contents(
        name=name,
        animal=text(subject) or "unknown",
        spikes=no_units().assign(time_s=0.0),
        units=no_units(),
        tables=tables,
        behavior=behavior,
        source_file=path.name,
    )
    found = {where: _with_units(shared, nwb, table, where, log) for where, table in chosen.items()}
    if log.wrong or not found:
        raise DataError(refusal(path, log.wrong))
    log.notes.extend(reference_time(nwb, next(iter(found.values()))))
    if len(found) == 1:
        return replace(next(iter(found.values())), notes=tuple(log.notes))
    ends = [where.rpartition("/")[2] for where in found]
    names = ends if len(set(ends)) == len(ends) else list(found)
    joined = join(name, [Part(n, one) for n, one in zip(names, found.values(), strict=True)], path.name)
    return replace(joined, notes=(*log.notes, *joined.notes))


def _with_units(shared: Contents, nwb: Any, table: Any, where: str, log: Log) -> Contents:
    """The contents of a file with the units of one table; what cannot be read joins `log.wrong`."""
    units = log.guarded(where, no_units(), units_of, table, where, log)
    if not len(units):
        return shared
    spikes = log.guarded(where, shared.spikes, spikes_of, table, units, where, log)
    places = log.guarded(where, {}, places_of, nwb, table, where, log)
    observed = log.guarded(where, None, observed_of, table, where, log)
    return replace(shared, spikes=spikes, units=units, places=places, observed_of_unit=observed)


def refusal(path: Path, wrong: list[str]) -> str:
    """The message of an error: the file, and one line for each thing."""
    return f"{path}:" + (f" {wrong[0]}" if len(wrong) == 1 else "".join(f"\n  - {w}" for w in wrong))
