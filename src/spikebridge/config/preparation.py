"""Sections of params.yaml about data: simulation, quality of units, trials, bins and folds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from spikebridge.config.base import Auto, Fraction, Positive, Section


class SimulateConfig(Section):
    """The simulated foraging task; see spikebridge.simulate.

    Parameters
    ----------
    n_recordings, n_animals : int
        recordings, and animals that they are spread over
    n_trials : int
        offers of a recording
    n_source_units, n_target_units : tuple of int
        range that the number of units of a recording is drawn from
    lag_s : float
        seconds by which the target follows the source
    n_shared_latents : int
        how many of the latents of the source reach the target
    coupling : float
        gain of the shared latents in the target; 0: no link
    private_gain : float
        gain of the latents that the target has alone
    drift : float
        size of slow drift, in log rate
    theta : float
        depth of the theta modulation of the source, in log rate
    refractory_s : float
        refractory time, seconds
    label_information : float
        coupling of deliberation to the choice; 0: none
    regime : str
        what of the source reaches the target: linear, gated, integrated or theta; see docs/regimes.md
    gate : str
        of the regime gated: observed, the file has the state as the behaviour series `gate`; hidden, it has not
    gate_dwell_s : float
        of the regime gated: mean time in each of the two states, seconds
    integration_s : float
        of the regime integrated: time constant of the leaky integral, seconds
    theta_transfer_depth : float
        of the regime theta: depth of the modulation of the transfer by the theta phase; 0: none, 1: none at the trough
    """

    n_recordings: int = Field(6, ge=1)
    n_animals: int = Field(2, ge=1)
    n_trials: int = Field(110, ge=4)
    n_source_units: tuple[int, int] = (40, 80)
    n_target_units: tuple[int, int] = (30, 60)
    lag_s: float = Field(0.1, ge=0)
    n_shared_latents: int = Field(4, ge=1, le=4)
    coupling: float = Field(1.0, ge=0)
    private_gain: float = Field(0.5, ge=0)
    drift: float = Field(0.3, ge=0)
    theta: float = Field(0.5, ge=0)
    refractory_s: float = Field(0.002, ge=0)
    label_information: float = Field(1.0, ge=0)
    regime: Literal["linear", "gated", "integrated", "theta"] = "linear"
    gate: Literal["hidden", "observed"] = "hidden"
    gate_dwell_s: float = Field(2.0, ge=0.1)
    integration_s: float = Field(1.0, ge=0.1)
    theta_transfer_depth: float = Field(1.0, ge=0)

    @model_validator(mode="after")
    def _regime_has_its_parts(self) -> SimulateConfig:
        if self.regime == "theta" and self.theta == 0:
            raise ValueError("regime theta: expected theta above 0, for the source shows the phase by it; got theta: 0")
        if self.regime == "integrated" and self.n_shared_latents < 3:
            raise ValueError(
                "regime integrated: expected n_shared_latents of 3 or 4, for the third and fourth latents are the "
                f"integrated ones; got {self.n_shared_latents}"
            )
        return self


class QualityConfig(Section):
    """Which units are recorded well enough, by limits on measures that see no label. null takes a limit away.

    Parameters
    ----------
    max_isi_violations : float, optional
        ratio of Hill et al. (2011); Poisson spikes have 0.5
    refractory_s : float
        refractory time, seconds
    min_presence_ratio : float, optional
        share of presence bins that hold a spike
    presence_bin_s : float
        width of a presence bin, seconds
    max_amplitude_cutoff : float, optional
        applied where the table of units has a column amplitude_cutoff
    sorter_labels : list of str, optional
        labels that are kept
    sorter_label_from : str, optional
        column of the table of units, auto, or null for none
    max_rate_change : float, optional
        largest change of rate, as a factor, from the first to the last third of observed time
    """

    max_isi_violations: float | None = Field(
        0.5, gt=0, description="ratio of Hill et al. 2011; Poisson spikes have 0.5"
    )
    refractory_s: Positive = 0.0015
    min_presence_ratio: Fraction | None = Field(0.9)
    presence_bin_s: Positive = 60.0
    max_amplitude_cutoff: Fraction | None = Field(0.1)
    sorter_labels: list[str] | None = Field(["good"], min_length=1)
    sorter_label_from: str | None = "auto"
    max_rate_change: float | None = Field(None, gt=1)


class TrialsConfig(Section):
    """Which table holds the trials, and which windows and labels are taken from it.

    Parameters
    ----------
    table : str
        name of the table
    align : str
        column with the time, seconds, that windows are aligned to
    window_s : tuple of float
        start and end of the window, seconds from that time
    decision : str, optional
        column with the time of the decision; null: the align column
    label : str or dict
        a column, an expression, or class -> expression
    include : str, optional
        an expression over the columns; trials for which it holds are kept
    covariates : list of str
        columns that were known at the decision
    """

    table: str = "trials"
    align: str = "decision_time"
    window_s: tuple[float, float] = (-2.0, 0.0)
    decision: str | None = None
    label: str | dict[str, str] = Field("choice")
    include: str | None = None
    covariates: list[str] = Field(default=[])

    @property
    def times(self) -> tuple[str, ...]:
        """The columns that hold times for certain."""
        return (self.align,) if self.decision is None else (self.align, self.decision)

    @field_validator("label", mode="before")
    @classmethod
    def _named(cls, label: Any) -> Any:
        """Classes may be written as numbers; true, false, yes and no are different things to different YAML readers."""
        if not isinstance(label, dict):
            return label
        if odd := [name for name in label if isinstance(name, bool) or not isinstance(name, (str, int, float))]:
            raise ValueError(f"put the names of classes in quotes; YAML reads one as {odd[0]!r}")
        named = {str(name): text for name, text in label.items()}
        if blank := [name for name in named if not name or name != name.strip()]:
            raise ValueError(
                f"the name of a class must neither be empty nor begin or end with a blank, got {blank[0]!r}"
            )
        if len(named) < 2 or len(named) < len(label):
            raise ValueError(
                f"expected at least two classes, each with its expression, got {', '.join(named) or 'none'}"
            )
        return named

    @model_validator(mode="after")
    def _ordered(self) -> TrialsConfig:
        if self.label in self.covariates:
            raise ValueError(f"covariates must not hold the label {self.label!r}: it is what is predicted")
        if len(set(self.covariates)) < len(self.covariates):
            raise ValueError(f"covariates names a column twice: {self.covariates}")
        if not self.window_s[0] < self.window_s[1]:
            raise ValueError(f"window_s must go from earlier to later, got {list(self.window_s)}")
        return self


class BinsConfig(Section):
    """Bins that spikes are counted in.

    Parameters
    ----------
    width_s : float
        width of a bin, seconds
    """

    width_s: Positive = 0.05


class SplitConfig(Section):
    """Outer and inner folds.

    Parameters
    ----------
    by : str
        what is held out: blocks of trials, recordings or animals
    n_outer_folds, n_inner_folds : int
        folds for scores, and folds for tuning inside each of them
    gap_s : float or "auto"
        time around test blocks that nothing is fitted to, seconds; auto: from the autocorrelation of the counts
    """

    by: Literal["block", "recording", "animal"] = "block"
    n_outer_folds: int = Field(5, ge=2)
    n_inner_folds: int = Field(1, ge=1)
    gap_s: Annotated[float, Field(ge=0)] | Auto = "auto"
