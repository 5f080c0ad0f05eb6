"""Units and spikes of one probe of an ALF session.

Row k of every clusters.* is cluster k, and clusters.channels its row of the channels.*. Only spikes.times is read, in
seconds on the clock of the session. spikes.samples count on the clock of the probe, which starts at another moment and
runs at another rate.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.io.formats.alf.files import AlfFile, Files, alf_files, flat_column, load_npy
from spikebridge.io.formats.log import ReadLog, precision_notes
from spikebridge.io.formats.spike_trains import group_by_unit
from spikebridge.io.formats.table import read_table

ACRONYMS, IDS = "brainLocationAcronyms_ccf_2017", "brainLocationIds_ccf_2017"
ANNOTATION = {0: "noise", 1: "mua", 2: "good"}
"""Labels for the values of clusters._phy_annotation; 3, unsorted, means that nobody judged."""
Ints = NDArray[np.int64]


def read_probe(folder: Path, log: ReadLog) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Read units and spikes of one probe.

    Parameters
    ----------
    folder : Path
        Folder of the sorting.
    log : ReadLog
        Receives what is wrong and unusual.

    Returns
    -------
    tuple of pd.DataFrame, or None
        Units, one row each, and spikes, as in Contents; None where they cannot be read.
    """
    files = alf_files(folder, log)
    spikes = _spikes(files, log)
    if spikes is None:
        return None
    times, owner = spikes
    used = np.unique(owner)
    columns = _cluster_columns(files, log)
    metrics = _metrics(files, log)
    rows = max((len(v) for v in columns.values()), default=None)
    if rows is not None and len(used) and used[-1] >= rows:
        log.errors.append(
            Finding.error(
                "clusters-beyond-rows",
                "spikes.clusters",
                f"spikes.clusters names cluster {used[-1]}, but clusters.{next(iter(columns))} has {rows} rows "
                f"(clusters 0 to {rows - 1}): are they of one sorting?",
            )
        )
        return None
    listed_too = metrics.index.to_numpy(dtype=np.int64) if metrics is not None else np.empty(0, dtype=np.int64)
    ids = np.union1d(used, listed_too)
    if rows is not None and (idle := rows - len(ids)) > 0:
        log.notes.append(
            Finding.warning(
                "clusters-without-spikes", "clusters", f"{idle} of {rows} clusters have no spikes and are no units"
            )
        )
        ids = ids[ids < rows]
    units = pd.DataFrame({"unit": ids} | {n: _values_at(v, ids) for n, v in columns.items()})
    if metrics is not None:
        units = _with_metrics(units, metrics, log)
    regions = _regions(files, units, log)
    return _with_quality(_with_regions(units, regions, log), log), group_by_unit(ids, owner, times)


def _spikes(files: Files, log: ReadLog) -> tuple[NDArray[np.float64], Ints] | None:
    times, owner = (_numbers(files[("spikes", name)], log) for name in ("times", "clusters"))
    if times is None or owner is None:
        return None
    names = files[("spikes", "times")].path.name, files[("spikes", "clusters")].path.name
    wrong = len(log.errors)
    if times.dtype.kind != "f":
        log.errors.append(
            Finding.error(
                "spike-times-not-seconds",
                names[0],
                f"{names[0]}: expected seconds as floating point numbers, found {times.dtype}: are these samples?",
            )
        )
    if len(times) != len(owner):
        log.errors.append(
            Finding.error(
                "spikes-and-clusters-differ-in-number",
                names[0],
                f"{names[0]} has {len(times)} spikes, {names[1]} has {len(owner)}",
            )
        )
    if owner.dtype.kind == "f" and not (np.isfinite(owner) & (owner == np.rint(owner))).all():
        log.errors.append(
            Finding.error(
                "spike-cluster-not-whole",
                names[1],
                f"{names[1]}: expected a whole number for every spike, found {owner[owner != np.rint(owner)][0]}",
            )
        )
    elif len(owner) and not 0 <= int(owner.min()) <= int(owner.max()) <= np.iinfo(np.int64).max:
        log.errors.append(
            Finding.error(
                "spike-cluster-out-of-range",
                names[1],
                f"{names[1]}: expected numbers of clusters from 0, found {owner.min()} to {owner.max()}",
            )
        )
    if len(log.errors) > wrong:
        return None
    log.notes.extend(precision_notes(times, names[0]))
    return times.astype(np.float64), owner.astype(np.int64)


def _numbers(file: AlfFile, log: ReadLog) -> NDArray[Any] | None:
    """(n,) numbers of a .npy file; None where it holds something else, and the log says what."""
    values = load_npy(file, log)
    if values is None:
        if not log.errors:
            log.errors.append(
                Finding.error(
                    "alf-array-pickled",
                    file.path.name,
                    f"{file.path.name} cannot be read: it holds Python objects (a pickle)",
                )
            )
        return None
    flat = flat_column(values)
    if flat is None or flat.dtype.kind not in "iuf":
        log.errors.append(
            Finding.error(
                "alf-array-not-one-number-a-spike",
                file.path.name,
                f"{file.path.name}: expected one number a spike, found {values.dtype} of shape {values.shape}",
            )
        )
        return None
    return flat


def _cluster_columns(files: Files, log: ReadLog) -> dict[str, NDArray[Any]]:
    """Attribute -> (cluster,) values: of every clusters.* with one number or text a cluster."""
    columns: dict[str, NDArray[Any]] = {}
    for (thing, attribute), file in files.items():
        if thing != "clusters" or file.is_table:
            continue
        values = load_npy(file, log)
        flat = None if values is None else flat_column(values)
        if flat is not None and flat.dtype.kind in "biufU":
            columns[attribute] = flat
    if len({len(v) for v in columns.values()}) > 1:
        sizes = listed((f"clusters.{n} has {len(v)}" for n, v in columns.items()), 10)
        log.errors.append(
            Finding.error(
                "rows-of-clusters-differ",
                "clusters",
                f"expected one row a cluster in every clusters.*, found different numbers of rows: {sizes}",
            )
        )
        return {}
    return columns


def _values_at(values: NDArray[Any], ids: Ints) -> pd.Series:
    return pd.Series(values[ids].astype(str) if values.dtype.kind == "U" else values[ids])


def _metrics(files: Files, log: ReadLog) -> pd.DataFrame | None:
    """clusters.metrics by cluster: its column cluster_id, else its rows."""
    file = files.get(("clusters", "metrics"))
    table = None if file is None else read_table(file.path, log)
    if file is None or table is None:
        return None
    if "cluster_id" not in table:
        return table.set_index(pd.RangeIndex(len(table)))
    ids = table["cluster_id"]
    if not pd.api.types.is_integer_dtype(ids) or ids.duplicated().any():
        log.add_error("cluster-ids-not-unique", file.path, "expected one whole number a row in cluster_id, each once")
        return None
    return table.set_index("cluster_id")


def _with_metrics(units: pd.DataFrame, metrics: pd.DataFrame, log: ReadLog) -> pd.DataFrame:
    """Units with the columns of the metrics; a column that a clusters.* holds as well stays as it is there."""
    own = metrics.drop(columns=[c for c in metrics if c in units or str(c).startswith("Unnamed")])
    missing = int((~units["unit"].isin(own.index)).sum())
    if missing:
        log.notes.append(
            Finding.warning(
                "clusters-without-metrics",
                "clusters.metrics",
                f"clusters.metrics: no row for {missing} of {counted(len(units), 'cluster')}",
            )
        )
    return pd.concat([units, own.reindex(units["unit"]).reset_index(drop=True)], axis=1)


def _regions(files: Files, units: pd.DataFrame, log: ReadLog) -> pd.Series | None:
    """The acronym of each unit, by its channel; None where no file says where the channels lie."""
    for attribute in (ACRONYMS, IDS):
        if (name := attribute) in units:
            return _as_text(units[name].to_numpy())
    places = _channel_locations(files, log)
    if places is None:
        return None
    rows = _channel_rows(units, len(places), log)
    if rows is None:
        text = "no clusters.channels or clusters.peakChannel: no region of a cluster is known from the channels"
        log.notes.append(Finding.warning("clusters-without-channels", "clusters", text))
        return None
    outside = int(((rows < 0) | (rows >= len(places))).sum())
    if outside:
        log.notes.append(
            Finding.warning(
                "clusters-on-unknown-channels",
                "clusters",
                f"{counted(outside, 'cluster')} on a channel that is none of {len(places)}: without a region",
            )
        )
    inside = (rows >= 0) & (rows < len(places))
    return pd.Series(np.where(inside, places.to_numpy(dtype=object)[np.where(inside, rows, 0)], ""), dtype="str")


def _channel_locations(files: Files, log: ReadLog) -> pd.Series | None:
    """(channel,) text."""
    for thing in ("channels", "electrodeSites"):
        for attribute in (ACRONYMS, IDS):
            if (file := files.get((thing, attribute))) is None or (values := load_npy(file, log)) is None:
                continue
            if (flat := flat_column(values)) is None:
                log.add_error(
                    "channels-not-one-value", file.path, f"expected one value a channel, found shape {values.shape}"
                )
                return None
            if attribute == IDS:
                text = f"{file.path.name}: regions are called by the ids of the Allen atlas, as text ('382')"
                log.notes.append(Finding.warning("regions-by-atlas-ids", file.path.name, text))
            return _as_text(flat)
        if (file := files.get((thing, "brainLocation"))) is not None and file.is_table:
            return _locations_in_table(file, log)
    return None


def _locations_in_table(file: AlfFile, log: ReadLog) -> pd.Series | None:
    table = read_table(file.path, log)
    if table is None:
        return None
    name = next((c for c in ("allen_ontology", "acronym", "brainLocation") if c in table), None)
    if name is None:
        log.add_error(
            "column-allen-ontology-missing",
            file.path,
            f"expected a column allen_ontology, found {listed(map(str, table.columns))}",
        )
        return None
    return _as_text(table[name].to_numpy())


def _as_text(values: NDArray[Any]) -> pd.Series:
    """Text; whole numbers without a point, missing ones empty."""
    if values.dtype.kind == "f":
        return pd.Series([str(int(v)) if v == v else "" for v in values], dtype="str")
    return pd.Series(["" if v is None or v != v else str(v) for v in values.tolist()], dtype="str")


def _channel_rows(units: pd.DataFrame, n_channels: int, log: ReadLog) -> Ints | None:
    """(unit,): the row of the channel of each unit, -1 where there is none.

    clusters.channels counts from 0. clusters.peakChannel, of MATLAB, counts from 1, unless a 0 is in it.
    """
    name = next((c for c in ("channels", "peakChannel") if c in units), None)
    if name is None:
        return None
    values = units[name].to_numpy(dtype=np.float64)
    rows = np.where(np.isfinite(values), values, -1).astype(np.int64)
    known = rows[rows >= 0]
    if name == "peakChannel" and not (known == 0).any():
        log.notes.append(
            Finding.warning(
                "peak-channels-count-from-1",
                "clusters.peakChannel",
                f"clusters.peakChannel is taken to count channels from 1, as MATLAB does: its numbers are "
                f"{known.min() if len(known) else 0} to {known.max() if len(known) else 0}, of {n_channels} channels",
            )
        )
        return rows - 1
    return rows


def _with_regions(units: pd.DataFrame, regions: pd.Series | None, log: ReadLog) -> pd.DataFrame:
    """Units with a column acronym; a different one in the metrics is kept under another name."""
    if regions is None:
        return units
    if "acronym" in units:
        other = _as_text(units["acronym"].to_numpy())
        differ = int(((other != regions) & (other != "")).sum())
        if differ:
            log.notes.append(
                Finding.warning(
                    "acronyms-differ",
                    "clusters.metrics",
                    f"clusters.metrics: acronym differs from that of the channel for {differ} of "
                    f"{counted(len(units), 'cluster')}; the channel's is used, the other is the column "
                    "acronym_in_metrics",
                )
            )
            units = units.assign(acronym_in_metrics=other)
    return units.assign(acronym=regions.to_numpy())


def _with_quality(units: pd.DataFrame, log: ReadLog) -> pd.DataFrame:
    """A column quality of the curation in Phy; a column ibl_quality, "good" where all criteria of the IBL are met.

    The IBL's number `label`, the share of its criteria that a cluster meets, is called criteria_met: it is no word.
    """
    if "_phy_annotation" in units and "quality" not in units:
        marks = units["_phy_annotation"].to_numpy(dtype=np.float64)
        words = [ANNOTATION.get(int(m), "") if m == m else "" for m in marks]
        units = units.drop(columns="_phy_annotation").assign(quality=pd.Series(words, dtype="str"))
    if "label" not in units or not pd.api.types.is_numeric_dtype(units["label"]):
        return units
    passed = units["label"].to_numpy(dtype=np.float64, na_value=np.nan)
    if not ((passed >= 0) & (passed <= 1) | np.isnan(passed)).all():
        return units
    words = ["" if p != p else "good" if p == 1 else "mua" for p in passed]
    log.notes.append(
        Finding.warning(
            "ibl-quality",
            "clusters.metrics",
            f"clusters.metrics: {words.count('good')} of {counted(len(units), 'cluster')} meet all criteria of the "
            f"IBL (label 1): column ibl_quality, good; {words.count('mua')} do not: mua",
        )
    )
    return units.rename(columns={"label": "criteria_met"}).assign(ibl_quality=pd.Series(words, dtype="str"))
