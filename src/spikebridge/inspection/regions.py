"""Regions of the units: which names are hippocampal or frontal, which columns give regions, and units by region.

A name is compared with the acronyms of the Allen and Paxinos atlases, and with words. It may carry a hemisphere
("CA1_L"), a prefix (dCA1, rHPC), a layer ("ACAd5", "PL2/3", "MOs6a") or a part ("ORBvl").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from spikebridge.config import DataConfig, QualityConfig
from spikebridge.inspection.records import RegionSummary
from spikebridge.io import Contents
from spikebridge.io.choose import region_choices

FEW_SPIKES = 50
"""The rate change of a unit with fewer spikes is not estimated, and the unit is counted."""
MAX_CONTAMINATION = QualityConfig().max_isi_violations or 0.5
"""A unit with more refractory contamination is unlikely to be one neuron."""
MAX_REGIONS = 200
"""A text column with more different values does not give regions."""
HIPPOCAMPUS, FRONTAL = "hippocampus", "frontal"

WORDS = {
    HIPPOCAMPUS: re.compile(r"hippoc|dentate|subicul|^fieldca\d|^ammon"),
    FRONTAL: re.compile(
        r"prefrontal|prelimbic|infralimbic|anteriorcingul|cingulateanterior|midcingul|orbitofrontal|^orbital"
        r"|frontalpole|secondarymotor|supplementarymotor|^frontalcortex$|^frontal$"
    ),
}
ACRONYMS = {
    HIPPOCAMPUS: re.compile(
        r"[dvirl]?(?:hc|hpc|hip|hipp|hippo|hpf|ca|ca[1-4](?:s[opr]|slm|pyr|or|rad)?|dg(?:mo|po|sg|cr)?|sub|pros)"
    ),
    FRONTAL: re.compile(
        r"(?:[rl]?(?:d|v|m|l|dm|dl|vm|vl)?pfc|[rl]?[lmv]?ofc|prl|pl|il|ila|[rd]?acc|aca[dv]?|cg|orb(?:l|m|v|vl)?|mos|m2"
        r"|fof|frp|fra|alm|(?:pre)?sma|mcc|vo|lo)(?:1|23|2|3|4|5a?|5b|6[ab]?)?"
    ),
}  # fmt: skip
QUALIFIERS = {
    "l",
    "r",
    "lh",
    "rh",
    "left",
    "right",
    "dorsal",
    "ventral",
    "intermediate",
    "area",
    "cortex",
    "region",
    "layer",
}
UNKNOWN_NAMES = {
    "",
    "unknown",
    "none",
    "nan",
    "na",
    "n/a",
    "null",
    "void",
    "root",
    "unassigned",
    "?",
    "-",
    "brain",
    "other",
}


def brain_division(name: str) -> str | None:
    """`HIPPOCAMPUS`, `FRONTAL`, or None for a name of neither."""
    words = re.findall(r"[^\W_]+", name.casefold())
    joined = "".join(words)
    core = "".join(w for w in words if w not in QUALIFIERS) or joined
    for division in (HIPPOCAMPUS, FRONTAL):
        if WORDS[division].search(joined) or ACRONYMS[division].fullmatch(core):
            return division
    return None


def is_region_name(name: str) -> bool:
    """False for words that say that the region is not known."""
    return name.strip().casefold() not in UNKNOWN_NAMES


def summarize_regions(units: pd.DataFrame, names: Sequence[str]) -> tuple[RegionSummary, ...]:
    """Summarise the units of each region. units: as `spikes.summarize_spikes`. names: shape (unit,), their regions."""
    summaries = []
    for name, part in units.groupby(pd.Series(names, index=units.index, dtype=object), sort=True):
        low, middle, high = _quartiles(part["rate_hz"])
        contaminated = int((part["contamination"] > MAX_CONTAMINATION).sum())
        summaries.append(
            RegionSummary(
                name=str(name),
                units=len(part),
                rate_hz=(low, middle, high),
                contaminated=None if part["coarse"].all() else contaminated,
                few_spikes=int((part["spikes"] < FEW_SPIKES).sum()),
                rate_change=_quartiles(part["rate_change"][part["spikes"] >= FEW_SPIKES])[1],
            )
        )
    return tuple(sorted(summaries, key=lambda r: (-r.units, r.name)))


def region_columns(contents: Contents, data: DataConfig) -> dict[str, list[str]]:
    """Value of `data.region_from` -> region of each unit: known columns, the asked one, and text with region names."""
    columns = region_choices(contents, data)
    if data.region_from in contents.units and data.region_from not in columns:
        columns[data.region_from] = _names(contents.units[data.region_from])
    for name in map(str, contents.units.columns):
        values = contents.units[name]
        if name in columns or pd.api.types.is_numeric_dtype(values) or values.nunique() > MAX_REGIONS:
            continue
        names = _names(values)
        if any(brain_division(v) for v in set(names)):
            columns[name] = names
    return columns


def region_column(columns: Mapping[str, Sequence[str]], asked: str) -> str | None:
    """The column with most of hippocampus and frontal cortex, the first of equals; the asked one where it is not auto.

    columns: as `region_columns`. None where no column is known, or not the asked one.
    """
    asked = "electrodes.location" if asked == "electrodes" else asked
    names = [asked] if asked in columns else list(columns) if asked == "auto" else []
    return max(names, key=lambda n: (_informative(columns[n]), -names.index(n)), default=None)


def _informative(names: Sequence[str]) -> tuple[int, bool]:
    """How many of the two divisions of the brain are there, and whether there is more than one region."""
    different = {n for n in set(names) if is_region_name(n)}
    return len({brain_division(n) for n in different} - {None}), len(different) > 1


def _names(values: pd.Series) -> list[str]:
    return ["" if v is None or v is pd.NA or v != v else str(v) for v in values.astype(object)]


def _quartiles(values: pd.Series) -> tuple[float, float, float]:
    known = values.dropna().to_numpy(dtype=np.float64)
    if not len(known):
        return (np.nan, np.nan, np.nan)
    low, middle, high = (float(q) for q in np.quantile(known, [0.25, 0.5, 0.75]))
    return (low, middle, high)
