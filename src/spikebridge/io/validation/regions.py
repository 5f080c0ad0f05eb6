"""Whether the regions that params.yaml asks for are there, and all under one spelling."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, did_you_mean, listed
from spikebridge.io.validation.subject import Subject

REGION_WITHOUT_UNITS = "region-without-units"
"""The code of the finding that some of several regions have no unit."""


def check_regions(subject: Subject) -> Iterator[Finding]:
    regions = subject.recording.units["region"]
    present = {str(k): int(v) for k, v in regions.value_counts().items() if str(k)}
    asked = {*subject.data.source, *subject.data.target}
    for role in ("source", "target"):
        yield from _check_role(role, getattr(subject.data, role), present, asked)
    nowhere = int((regions == "").sum())
    if nowhere and present:
        yield Finding.warning(
            "units-without-region",
            "regions",
            f"{nowhere} of {counted(len(regions), 'unit')} without a region, not used",
        )


def _check_role(
    role: str, asked: list[str], present: Mapping[str, int], all_asked: Collection[str]
) -> Iterator[Finding]:
    absent = [r for r in asked if r not in present]
    unused = set(present) - set(all_asked)
    if len(absent) == len(asked):
        hints = [f"{r!r}{did_you_mean(r, unused, '')}" for r in absent]
        has = listed(f"{region!r} ({counted(n, 'unit')})" for region, n in present.items())
        yield Finding.error(
            "no-unit-in-regions",
            f"data.{role}",
            f"no unit in a region of data.{role} = {listed(hints)}; regions here: {has}",
        )
        return
    variants = {v: r for r in asked for v in sorted(unused) if same_region(v) == same_region(r)}
    for variant, region in variants.items():
        yield Finding.error(
            "regions-differ-in-spelling",
            region,
            f"regions {region!r} ({counted(present.get(region, 0), 'unit')}) and {variant!r} "
            f"({counted(present[variant], 'unit')}) differ in spelling alone: name both in data.{role}, or correct the "
            "file",
        )
    absent = [r for r in absent if r not in variants.values()]
    if absent:
        yield Finding.warning(
            REGION_WITHOUT_UNITS,
            f"data.{role}: {listed(absent)}",
            f"no unit in data.{role} region {listed(absent)}; the others of {role} are here",
        )


def same_region(name: str) -> str:
    """What two spellings of one region have in common: neither case, blanks, hyphens nor underscores."""
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if not c.isspace() and c not in "-_")
