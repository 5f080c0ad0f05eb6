"""What a model does with a recording whose units it was not fitted on: the base class of the base class of models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from spikebridge.errors import ConfigError, DataError
from spikebridge.models.parts.history import OnEpoch
from spikebridge.types import History, Windows

MIN_WINDOWS = 10


class NewUnits:
    """Some models predict a new recording as they are, some after `adapt`; all others are refused by name.

    `adapt` gets the spikes of both regions of a first part of the recording. Labels may be hidden, and then the model
    decides by the labels of the recordings that it was fitted on.
    """

    name: ClassVar[str]
    decides: ClassVar[bool]
    translates: ClassVar[bool]
    pooled: ClassVar[bool]
    transfers: ClassVar[bool] = False  # can predict a recording whose units it was not fitted on
    adapts: ClassVar[bool] = False  # `adapt` fits it to such a recording, without its labels

    classes: tuple[str, ...]
    bin_s: float
    n_bins: int
    units: dict[str, dict[str, list[int]]]

    @classmethod
    def meets_new_units(cls) -> bool:
        """Say whether the model can be scored on a recording of which it gets spikes and no labels.

        Returns
        -------
        bool
            True where it transfers or adapts, or where it translates alone and each recording has its own fit: that
            fit needs no labels.
        """
        return cls.transfers or cls.adapts or cls.fits_without_labels()

    @classmethod
    def fits_without_labels(cls) -> bool:
        """Decide whether the model is fitted to the spikes of one recording at a time, without labels.

        Returns
        -------
        bool
            True where it translates, does not decide, and does not pool recordings.
        """
        return cls.translates and not cls.decides and not cls.pooled

    def adapt(
        self,
        train: Sequence[Windows],
        valid: Sequence[Windows],
        rng: np.random.Generator,
        on_epoch: OnEpoch | None = None,
    ) -> History:
        """Fit a fitted model to new recordings; its predictions of the other recordings do not change.

        Parameters
        ----------
        train : sequence of Windows
            What to learn from, one Windows per new recording; labels may be hidden.
        valid : sequence of Windows
            Windows of the same recordings that early stopping is decided by; may be empty.
        rng : numpy.random.Generator
            The only source of randomness.
        on_epoch : callable, optional
            Receives one dict per training epoch; an exception that it raises ends the fit.

        Returns
        -------
        History
            The rows that on_epoch received.

        Raises
        ------
        ConfigError
            Where the model does not adapt.
        """
        raise ConfigError(f"{self.name} cannot be adapted to a recording that it was not fitted on")

    def learn_labels(self, windows: Windows) -> None:
        """Weigh some labels of a recording that the model was adapted to without labels against those it was fitted on.

        Parameters
        ----------
        windows : Windows
            Labelled windows of the recording. Labels of an earlier call are forgotten.

        Raises
        ------
        ConfigError
            Where the model does not adapt.
        """
        raise ConfigError(f"{self.name} cannot be adapted to a recording that it was not fitted on")

    def check_new(self, train: Windows) -> None:
        """Check that a recording is new, and like those that the model was fitted on.

        Parameters
        ----------
        train : Windows
            What `adapt` is to learn from.

        Raises
        ------
        DataError
            Where the recording is known, has other bins or classes, or too few windows.
        """
        name = train.recording
        if not self.units:
            raise DataError(f"{self.name} has not been fitted: there is nothing to adapt {name} to")
        if name in self.units:
            raise DataError(f"{name}: the model knows this recording already; it knows {', '.join(sorted(self.units))}")
        if abs(train.bin_s - self.bin_s) > 1e-9 or train.n_bins != self.n_bins:
            raise DataError(
                f"{name}: expected windows of {self.n_bins} bins of {self.bin_s:g} s as the model was fitted on, got "
                f"{train.n_bins} of {train.bin_s:g} s"
            )
        if train.classes != self.classes:
            raise DataError(
                f"{name}: expected the model's classes {', '.join(self.classes)}, got {', '.join(train.classes)}"
            )
        if len(train) < MIN_WINDOWS:
            raise DataError(f"{name}: expected at least {MIN_WINDOWS} windows to learn from, got {len(train)}")
