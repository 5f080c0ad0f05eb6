"""Records of some sections of a parameter file, for functions that use these sections and no others."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

from spikebridge.config.data import DataConfig
from spikebridge.config.preparation import BinsConfig, QualityConfig, TrialsConfig


@dataclass(frozen=True)
class Sections:
    """Base of records whose fields are named like the sections of `Config` that a function uses."""

    @classmethod
    def of(cls, config: object) -> Self:
        """Take the sections of this record out of a whole parameter file, or out of a record that has them.

        Parameters
        ----------
        config : Config or Sections
            The parameter file, or the larger record.

        Returns
        -------
        Sections
            A record of this class.
        """
        return cls(**{f.name: getattr(config, f.name) for f in fields(cls)})


@dataclass(frozen=True)
class RecordingSections(Sections):
    """What decides how a recording is read and which part of it is used.

    Parameters
    ----------
    data, quality, trials : Section
        The sections of these names.
    """

    data: DataConfig
    quality: QualityConfig
    trials: TrialsConfig


@dataclass(frozen=True)
class WindowSections(RecordingSections):
    """What decides how a recording is read and cut into windows.

    Parameters
    ----------
    data, quality, trials, bins : Section
        The sections of these names.
    """

    bins: BinsConfig
