"""What a sweep runs: the regions of all recordings (ingested/regions.json), and the plan (prepared/plan.json).

regions.json    recordings: name -> column (text), units: region -> number of units (int); groups: region of the sweep
                -> its names in the recordings
plan.json       folders, units (int), animals, pairs, left_out, unused_regions, unused_recordings; see `SweepPlan`
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spikebridge.artifacts.json_files import read_json
from spikebridge.errors import DataError

REGIONS_FILE, PLAN_FILE = "regions.json", "plan.json"


@dataclass(frozen=True)
class RecordingRegions:
    """The regions of a recording.

    Parameters
    ----------
    column : str
        Their place, a value of `data.region_from`.
    units : mapping of str to int
        Region -> number of units.
    """

    column: str
    units: Mapping[str, int]


@dataclass(frozen=True)
class FoundRegions:
    """The content of regions.json.

    Parameters
    ----------
    recordings : mapping of str to RecordingRegions
        Name of the recording -> its regions.
    groups : mapping of str to sequence of str
        Region of the sweep -> its names in the recordings.
    """

    recordings: Mapping[str, RecordingRegions]
    groups: Mapping[str, Sequence[str]]

    def write(self, folder: Path) -> None:
        """Write regions.json into a folder that is there.

        Parameters
        ----------
        folder : Path
            The folder.
        """
        _write_ordered(folder / REGIONS_FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> FoundRegions:
        """Read regions.json.

        Parameters
        ----------
        folder : Path
            Of the file.

        Returns
        -------
        FoundRegions
            Its content.

        Raises
        ------
        DataError
            Where the file is missing or does not hold regions.
        """
        content = read_json(folder / REGIONS_FILE)
        try:
            recordings = {name: RecordingRegions(**of) for name, of in content["recordings"].items()}
            return cls(recordings, content["groups"])
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{folder / REGIONS_FILE}: expected regions; run the stage ingest ({error})") from None


@dataclass(frozen=True)
class Pair:
    """An ordered pair of regions.

    Parameters
    ----------
    key : str
        Its folder and its stage.
    source, target : str
        The regions.
    recordings : sequence of str
        Those that have enough units of both.
    """

    key: str
    source: str
    target: str
    recordings: Sequence[str]


@dataclass(frozen=True)
class LeftOutPair:
    """A pair that is not run.

    Parameters
    ----------
    source, target : str
        The regions.
    code : str
        `too_few_units` or `not_together`.
    reason : str
        The same for people.
    """

    source: str
    target: str
    code: str
    reason: str


@dataclass(frozen=True)
class SweepPlan:
    """plan.json: what is run, and what is not, and why.

    Parameters
    ----------
    folders : mapping
        Region, in the order of the matrix -> its folder of windows, which is also its part of the keys of pairs.
    units : mapping
        Recording -> region -> units that the filters keep.
    animals : mapping
        Recording -> animal.
    pairs, left_out : sequence
        The ordered pairs of these regions.
    unused_regions, unused_recordings : mapping
        Name -> reason why it is in no pair.
    """

    folders: Mapping[str, str]
    units: Mapping[str, Mapping[str, int]]
    animals: Mapping[str, str]
    pairs: Sequence[Pair]
    left_out: Sequence[LeftOutPair]
    unused_regions: Mapping[str, str] = field(default_factory=dict)
    unused_recordings: Mapping[str, str] = field(default_factory=dict)

    def pair(self, key: str) -> Pair:
        """The pair of a stage.

        Parameters
        ----------
        key : str
            Of the pair.

        Returns
        -------
        Pair
            Its regions and recordings.

        Raises
        ------
        DataError
            Where the plan has no such pair.
        """
        for pair in self.pairs:
            if pair.key == key:
                return pair
        raise DataError(f"{key}: no pair of the plan has this key; run spikebridge sweep again")

    def write(self, folder: Path) -> None:
        """Write plan.json into a folder that is there.

        Parameters
        ----------
        folder : Path
            The folder.
        """
        _write_ordered(folder / PLAN_FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> SweepPlan:
        """Read plan.json.

        Parameters
        ----------
        folder : Path
            Of the file.

        Returns
        -------
        SweepPlan
            Its content.

        Raises
        ------
        DataError
            Where the file is missing or holds no plan.
        """
        content = read_json(folder / PLAN_FILE)
        try:
            pairs = tuple(Pair(**entry) for entry in content.pop("pairs"))
            left_out = tuple(LeftOutPair(**entry) for entry in content.pop("left_out"))
            return cls(pairs=pairs, left_out=left_out, **content)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{folder / PLAN_FILE}: expected a plan; run the stage prepare ({error})") from None


def _write_ordered(path: Path, content: Mapping[str, Any]) -> None:
    """JSON with its keys in their order: that of regions is the order of the matrix."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
