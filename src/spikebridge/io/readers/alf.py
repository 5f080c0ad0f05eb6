"""ALF: a session of the International Brain Laboratory, or of Steinmetz et al. 2019, in a folder: docs/alf.md.

    mouse_x/2021-03-04/001/alf/probe00/pykilosort/spikes.times.npy, spikes.clusters.npy, clusters.*, channels.*
                               probe01/...
                               _ibl_trials.table.pqt, _ibl_trials.*.npy, _ibl_wheel.*.npy

Several probes become one recording (see `joining`); spikes may also lie beside the trials. Times are those of
spikes.times and of the trials, in seconds on the clock of the session. spikes.samples count on the clock of each
probe and are not read.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.config import Section
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.choose import PROBE
from spikebridge.io.contents import Contents, no_behavior
from spikebridge.io.formats import ReadLog, read_sidecars, with_sidecars, write_sidecars
from spikebridge.io.formats.alf import AlfSession, alf_files, behavior_series, find_session, interval_tables, read_probe
from spikebridge.io.formats.alf.files import choose_sorting, name_and_animal, parse_name, revision_folders
from spikebridge.io.formats.alf.units import ACRONYMS
from spikebridge.io.formats.sorting.detection import sidecar_files
from spikebridge.io.joining import ID, ProbeContents, join_probes
from spikebridge.types import Recording

FORMAT = "ALF session (IBL, Steinmetz 2019)"
ROLES = ("clusters", "channels", "electrodeSites")


class Options(Section):
    """probes: names of the probes that are read; default all. sorter: folder of the sorting within each probe's folder
    ("" for the probe's own). behavior: objects that are read as behaviour, such as leftCamera; default all but tables.
    """

    probes: list[str] | None = None
    sorter: str | None = None
    behavior: list[str] | None = None


def can_read(path: Path) -> bool:
    return find_session(path) is not None


def name_of(path: Path) -> str:
    return name_and_animal(path)[0]


def files_of(path: Path) -> list[Path]:
    """Without waveforms, templates and whatever else is large and not read."""
    session = find_session(path)
    if session is None:
        return []
    sortings = {folder for of_probe in session.probes.values() for folder in of_probe.values()}
    files = sidecar_files(session.folder)
    for place in [p for folder in sorted(sortings) for p in (folder, *revision_folders(folder))]:
        named = [(p, file) for p in place.iterdir() if p.is_file() and (file := parse_name(p))]
        files += [
            p
            for p, f in named
            if f.object_name in ROLES or (f.object_name == "spikes" and f.attribute in ("times", "clusters"))
        ]
    for place in [session.trials_folder, *revision_folders(session.trials_folder)]:
        files += [
            p for p in place.iterdir() if p.is_file() and (file := parse_name(p)) and file.object_name != "spikes"
        ]
    return sorted(set(files))


def read(path: Path, options: Options) -> Contents:
    """Read one session. Raises DataError naming everything that is wrong in it."""
    session, log = find_session(path), ReadLog()
    if session is None:
        raise DataError.of(
            "alf-spikes-missing",
            path,
            "expected spikes.times and spikes.clusters, in a folder probe00 or beside the trials",
        )
    name, animal = name_and_animal(path)
    probes = _read_probes(session, options, log)
    files = alf_files(session.trials_folder, log)
    tables = interval_tables(files, log)
    behavior = behavior_series(files, options.behavior, log)
    log.raise_errors(path)
    if not tables and not _trials_beside(session):
        text = "no trials.* are here, nor a table trials.csv: expected trials.intervals and the like"
        log.notes.append(Finding.warning("no-trials-in-files", "trials", text))
    skip = [p.name for p in session.folder.iterdir() if parse_name(p)]
    sidecars = read_sidecars(session.folder, skip)
    contents = _join_probes(name, path, probes)
    notes = (*log.notes, *contents.notes)
    contents = replace(contents, animal=animal, tables=tables, behavior=behavior, notes=notes)
    return with_sidecars(contents, sidecars, path)


def _read_probes(session: AlfSession, options: Options, log: ReadLog) -> list[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Name of a probe, its units and its spikes."""
    names = list(session.probes) if options.probes is None else options.probes
    if unknown := [n for n in names if n not in session.probes]:
        log.errors.append(
            Finding.error(
                "alf-probe-unknown",
                "data.options.probes",
                f"data.options.probes: no probe {listed(unknown)} here; probes: {listed(session.probes)}",
            )
        )
    tables = []
    for name in [n for n in names if n in session.probes]:
        folder = choose_sorting(name or session.trials_folder.name, session.probes[name], options.sorter, log)
        part = ReadLog()
        read = None if folder is None else read_probe(folder, part)
        before = f"{name}: " if name else ""
        log.errors.extend(_of_probe(before, error) for error in part.errors)
        log.notes.extend(_of_probe(before, note) for note in part.notes)
        if read is not None:
            tables.append((name, *read))
    if not_read := [n for n in session.probes if n not in names]:
        text = f"probes that are not read, by data.options.probes: {listed(not_read)}"
        log.notes.append(Finding.warning("probes-not-read", "data.options.probes", text))
    return tables


def _of_probe(before: str, note: Finding) -> Finding:
    return replace(note, subject=before + note.subject, text=before + note.text)


def _join_probes(name: str, path: Path, probes: list[tuple[str, pd.DataFrame, pd.DataFrame]]) -> Contents:
    """Units and spikes; of one probe as they are, of several joined."""
    parts = [
        ProbeContents(probe, Contents(probe, "unknown", spikes, units, {}, no_behavior(), source_file=path.name))
        for probe, units, spikes in probes
    ]
    if len(parts) > 1:
        return join_probes(name, parts, path.name)
    (part,) = parts
    units = part.contents.units
    if part.probe:
        units = units.assign(**{PROBE: part.probe, ID: units["unit"]})
    return replace(part.contents, name=name, units=units)


def _trials_beside(session: AlfSession) -> bool:
    return any(p.stem.lower() == "trials" for p in sidecar_files(session.folder))


def write(recording: Recording, folder: Path) -> Path:
    """Write one probe, with the units as clusters.metrics, a channel for every cluster, and the trials as a table.

    Raises DataError for ids that are no row numbers.
    """
    ids = recording.units["unit"].to_numpy(dtype=np.int64)
    if len(ids) and not 0 <= ids.min() <= ids.max() < 10**7:
        raise DataError.of(
            "alf-write-ids-not-rows",
            recording.name,
            f"clusters of ALF are rows from 0, found ids {ids.min()} to {ids.max()}",
        )
    path = Path(folder) / recording.name
    probe = path / "alf" / "probe00"
    probe.mkdir(parents=True, exist_ok=True)
    np.save(probe / "spikes.times.npy", recording.spikes["time_s"].to_numpy(dtype=np.float64))
    np.save(probe / "spikes.clusters.npy", recording.spikes["unit"].to_numpy(dtype=np.uint32))
    places = np.full(int(ids.max(initial=-1)) + 1, "", dtype="U32")
    places[ids] = recording.units["region"].astype(str)
    np.save(probe / "clusters.channels.npy", np.arange(len(places)))
    np.save(probe / f"channels.{ACRONYMS}.npy", places)
    metrics = recording.units.drop(columns="region").rename(columns={"unit": "cluster_id"})
    metrics.to_parquet(probe / "clusters.metrics.pqt", index=False)
    if {"start_time", "stop_time"} <= set(recording.trials.columns):
        ends = {"start_time": "intervals_0", "stop_time": "intervals_1"}
        recording.trials.rename(columns=ends).to_parquet(path / "alf" / "_ibl_trials.table.pqt", index=False)
    write_sidecars(replace(recording, trials=pd.DataFrame()), path, units=False)
    return path
