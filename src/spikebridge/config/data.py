"""The section data of params.yaml: which recordings, regions and units are read, and how."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from spikebridge.config.base import Positive, Seconds, Section, Unit
from spikebridge.errors.messages import did_you_mean

CLOCKS = ("spikes", "trials", "behavior")
"""What may have an offset; the observed time goes with the spikes."""
PartOffsets = dict[str, float]
Offsets = float | dict[str, float | PartOffsets]
"""Seconds for all times of a recording, or by part (see `CLOCKS`), or by recording."""


def _seconds(value: Any, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{key} must be a number of seconds, found {value!r}")
    return float(value)


def _part_offsets(given: dict[Any, Any], name: str = "") -> PartOffsets:
    for key in given:
        if key not in CLOCKS:
            hint = did_you_mean(str(key), CLOCKS, "")
            of = f" of {name}" if name else ""
            raise ValueError(f"seconds{of} must be for {', '.join(CLOCKS)}, found {str(key)!r}{hint}")
    return {str(key): _seconds(value, str(key)) for key, value in given.items()}


class ProbeFiles(Section):
    """One probe of a session that is joined to one recording; its path alone is enough.

    Parameters
    ----------
    path : str
        Relative to data.path.
    offset_s : float or dict
        Seconds added to its times, or to those of one part alone.
    """

    path: str = Field(description="relative to data.path")
    offset_s: Seconds | dict[Literal["spikes", "trials", "behavior"], Seconds] = Field(
        0.0, description="added to its times, or to those of one part alone"
    )

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, given: Any) -> Any:
        return {"path": given} if isinstance(given, str) else given


class LimitsConfig(Section):
    """What reading one recording may take; see spikebridge.io.limits and docs/limits.md.

    Parameters
    ----------
    max_bytes : int
        Memory, or 32 times the size of the files if that is more.
    max_members : int
        Entries of a folder, objects of a file.
    max_depth : int
        Groups in groups of a file.
    max_seconds : float
        Processor time; 1 s more for each 2 MB of the files.
    """

    max_bytes: int = Field(1_500_000_000, ge=1, description="memory, or 32 times the size of the files if that is more")
    max_members: int = Field(100_000, ge=1, description="entries of a folder, objects of a file")
    max_depth: int = Field(64, ge=1, description="groups in groups of a file")
    max_seconds: Positive = Field(30.0, description="processor time; 1 s more for each 2 MB of the files")


class DataConfig(Section):
    """Which recordings, regions and units are read, and how.

    Parameters
    ----------
    path : str
        Folder of recordings, or an address (https://..., s3://...).
    reader : str
        Name of a reader, or auto.
    options : dict
        Options of the reader; each reader says which it has.
    recordings : dict
        Name of a recording -> its probes, a list of paths or name of a probe -> path.
    source, target : list of str
        Regions that are translated from, and to.
    region_from : str
        Where the region of a unit comes from: a units column, electrodes, or auto.
    observed : str
        Where the time that was observed comes from: auto, trials, or a table of intervals.
    offset_s : float or dict
        Seconds added to times; see spikebridge.io.offsets.
    clock : str
        trusted: signs of two clocks are warnings, else errors.
    min_rate_hz : float
        Least mean rate of a unit, spikes per second.
    exclude_units : list or dict
        Units to leave out, by id or name; or recording -> such a list.
    duplicates : str
        Many spikes of a unit at the time of the spike before: refuse, count once, or count all.
    direction : str
        target_to_source: source and target exchanged.
    follow_links : bool
        Whether links that lead out of the folder of data.path are followed.
    limits : LimitsConfig
        What reading one recording may take.
    """

    path: str
    reader: str = "auto"
    options: dict[str, Any] = Field(default={}, description="what the reader wants to know; each reader says what")
    recordings: dict[str, list[ProbeFiles] | dict[str, ProbeFiles]] = Field(
        default={}, description="name of a recording -> its probes, a list of paths or name of a probe -> path"
    )
    source: list[str] = Field(min_length=1)
    target: list[str] = Field(min_length=1)
    region_from: str = "auto"
    observed: str = "auto"
    offset_s: Offsets = Field(0.0, description="seconds added to times; see spikebridge.io.offsets")
    clock: Literal["checked", "trusted"] = Field("checked", description="trusted: signs of two clocks only warn")
    min_rate_hz: float = Field(0.1, ge=0)
    exclude_units: list[Unit] | dict[str, list[Unit]] = Field(
        default=[], description="units to leave out, by id or name; or recording -> such a list"
    )
    duplicates: Literal["error", "merge", "keep"] = Field(
        "error", description="many spikes of a unit at the time of the spike before: refuse, count once, or count all"
    )
    direction: Literal["source_to_target", "target_to_source"] = "source_to_target"
    follow_links: bool = Field(False, description="whether links that lead out of the folder of data.path are followed")
    limits: LimitsConfig = LimitsConfig()

    @field_validator("offset_s", mode="before")
    @classmethod
    def _offsets(cls, given: Any) -> Offsets:
        if not isinstance(given, dict):
            if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
                raise ValueError("expected a number of seconds, or a mapping")
            return float(given)
        if all(key in CLOCKS and not isinstance(value, dict) for key, value in given.items()):
            return dict(_part_offsets(given))
        return {str(k): _part_offsets(v, str(k)) if isinstance(v, dict) else _seconds(v, k) for k, v in given.items()}

    @model_validator(mode="after")
    def _disjoint(self) -> DataConfig:
        both = sorted(set(self.source) & set(self.target))
        if both:
            raise ValueError(f"source and target must not share regions, both name {both}")
        return self

    def directed(self) -> DataConfig:
        """Source and target as every stage takes them: exchanged where `direction` is target_to_source.

        Returns
        -------
        DataConfig
            With the direction source_to_target.
        """
        if self.direction == "source_to_target":
            return self
        forward: Any = {"source": self.target, "target": self.source, "direction": "source_to_target"}
        return self.model_copy(update=forward)
