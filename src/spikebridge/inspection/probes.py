"""Sessions that lie in several folders or files, one a probe: told by their names, before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spikebridge.config import DataConfig
from spikebridge.inspection.anatomy import part_of_brain
from spikebridge.io import named_recordings
from spikebridge.io.discovery import RecordingSource
from spikebridge.io.probes import TOKEN, WORD, Group, groups_in, relative

NO_REGION = {"sub", "lo", "fra"}
"""Words of paths (sub-01) that are also acronyms of regions."""


@dataclass(frozen=True)
class Sessions:
    """asked: the settings with the guessed sessions in `recordings`. singles: session -> its probes, each for itself.

    number: of all recordings as they lie there.
    """

    asked: DataConfig
    singles: Mapping[str, list[RecordingSource]]
    number: int


def sessions_in(data: DataConfig) -> Sessions:
    """Raises DataError and ConfigError as `named_recordings` does."""
    root = Path(data.path)
    named = named_recordings(root, data.reader)
    groups = groups_in(named, root, _is_region)
    groups = {name: group for name, group in groups.items() if _are_probes(group)}
    taken = {path for group in groups.values() for path in group.values()}
    groups = {n: g for n, g in groups.items() if n not in {named[p] for p in named if p not in taken}}
    asked = {**data.model_dump(), "recordings": {name: relative(group, root) for name, group in groups.items()}}
    singles = {name: [RecordingSource(named[p], p) for p in group.values()] for name, group in groups.items()}
    return Sessions(DataConfig.model_validate(asked), singles, len(named))


def _are_probes(group: Group) -> bool:
    """Whether the names are those of probes, or of different parts of the brain: PL1 and PL2 may be two animals."""
    words = {word for label in group for word in WORD.findall(label)}
    return all(TOKEN.search(label) for label in group) or len({part_of_brain(w) for w in words} - {None}) > 1


def _is_region(word: str) -> bool:
    return word.casefold() not in NO_REGION and part_of_brain(word) is not None
