"""Which arrays of a file hold the counts, and of which units: asked for, or known by their names.

Names that are known without being asked for:
    counts, spikes                                              one array (trial, bin, unit)
    source, target                                              the windows that the stage preprocess writes
    [train_|eval_]spikes_heldin, [...]spikes_heldout            Neural Latents Benchmark (nlb_tools): source and target
    train_recon_data, valid_recon_data[, test_recon_data]       lfads-torch; train_data, valid_data: earlier LFADS
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spikebridge.errors import DataError
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.io.formats.arrays import Header, headers, looks_like_counts
from spikebridge.io.formats.mat.arrays import is_mat, numeric_variables

Names = str | list[str] | None
SPLITS = ("train", "valid", "test", "eval")
ONE = ("counts", "spikes", *(tuple(f"{s}_{kind}" for s in SPLITS) for kind in ("recon_data", "encod_data", "data")))
TWO: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("source",), ("target",)),
    *(
        (tuple(f"{p}spikes_heldin" for p in prefixes), tuple(f"{p}spikes_heldout" for p in prefixes))
        for prefixes in (("train_", "eval_"), ("",))
    ),
)
KNOWN = {n for names in ONE for n in ((names,) if isinstance(names, str) else names)}
KNOWN |= {n for pair in TWO for names in pair for n in names}


@dataclass(frozen=True)
class Fields:
    """Arrays of counts, joined along the trials. `target`: other units in the same trials as `source`; or empty."""

    source: tuple[str, ...]
    target: tuple[str, ...] = ()
    found_by_name: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return self.source + self.target


def known_fields(arrays: Mapping[str, Header]) -> Fields | None:
    """The arrays whose names say that they hold counts; None where no name does."""
    cubes = [n for n, header in arrays.items() if header.is_cube]
    for source, target in TWO:
        pairs = [(s, t) for s, t in zip(source, target, strict=True) if s in cubes and t in cubes]
        if pairs:
            return Fields(tuple(s for s, _ in pairs), tuple(t for _, t in pairs), True)
    for names in ONE:
        here = tuple(n for n in ((names,) if isinstance(names, str) else names) if n in cubes)
        if here:
            return Fields(here, (), True)
    return None


def holds_counts(path: Path) -> bool:
    """Whether a file has an array of counts by its name, or any cube of whole numbers; of MATLAB's files, by its name
    alone, since those hold images and waveforms as well."""
    if is_mat(path):
        return bool(numeric_variables(path) & KNOWN) and known_fields(headers(path)) is not None
    arrays = headers(path)
    return known_fields(arrays) is not None or any(looks_like_counts(path, n, h) for n, h in arrays.items())


def fields_of(
    path: Path, arrays: Mapping[str, Header], counts: Names, source_counts: Names, target_counts: Names
) -> Fields:
    """The arrays to read. Raises DataError where what is asked for is not there, or nothing is asked for and known."""
    asked = {"counts": counts, "source_counts": source_counts, "target_counts": target_counts}
    wanted = {key: [names] if isinstance(names, str) else list(names or ()) for key, names in asked.items()}
    wrong = [f"data.options.{key}: {text}" for key, names in wanted.items() for text in _missing(names, arrays)]
    if wrong:
        raise DataError(f"{path}: " + "; ".join(wrong))
    if wanted["counts"]:
        return Fields(tuple(wanted["counts"]))
    if wanted["source_counts"]:
        return Fields(tuple(wanted["source_counts"]), tuple(wanted["target_counts"]))
    found = known_fields(arrays)
    if found is not None:
        return found
    cubes = [n for n, header in arrays.items() if looks_like_counts(path, n, header)]
    if len(cubes) == 1:
        return Fields((cubes[0],))
    shown = listed(f"{n} {h.shape}" for n, h in arrays.items() if h.is_cube)
    raise DataError(
        f"{path}: which array holds the counts (trial, bin, unit)? Name it in data.options.counts, or two in "
        f"source_counts and target_counts; arrays of three dimensions: {shown}"
    )


def _missing(names: Sequence[str], arrays: Mapping[str, Header]) -> list[str]:
    found = []
    for name in names:
        if name not in arrays:
            found.append(f"no array {name!r}{did_you_mean(name, arrays)} Arrays: {listed(arrays)}")
        elif not arrays[name].is_cube:
            found.append(f"{name} is {arrays[name].dtype} {arrays[name].shape}, expected numbers (trial, bin, unit)")
    return found
