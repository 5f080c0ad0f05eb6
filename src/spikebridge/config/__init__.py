"""params.yaml -> typed, checked configuration. An unknown key is an error with a suggestion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from spikebridge.config.base import Auto, Fraction, Positive, Section
from spikebridge.config.data import CLOCKS, DataConfig, LimitsConfig, ProbeFiles
from spikebridge.config.renamed import renamed_keys
from spikebridge.config.strict_yaml import load_yaml
from spikebridge.errors import ConfigError
from spikebridge.errors.validation_errors import describe_errors

__all__ = [
    "CLOCKS",
    "AnalysisConfig",
    "BinsConfig",
    "ComputeConfig",
    "Config",
    "DataConfig",
    "LimitsConfig",
    "NestedModelsConfig",
    "Positive",
    "ProbeFiles",
    "QualityConfig",
    "Section",
    "SimulateConfig",
    "SplitConfig",
    "StatisticsConfig",
    "TrackingConfig",
    "TrialsConfig",
    "TuneConfig",
    "load",
    "parse",
]


class SimulateConfig(Section):
    """Knobs of the simulated foraging task; see spikebridge.simulate for what each one does."""

    n_recordings: int = Field(6, ge=1)
    n_animals: int = Field(2, ge=1)
    n_trials: int = Field(110, ge=4, description="offers per recording")
    n_source_units: tuple[int, int] = (40, 80)
    n_target_units: tuple[int, int] = (30, 60)
    lag_s: float = Field(0.1, ge=0, description="target follows source by this time")
    n_shared_latents: int = Field(4, ge=1, le=4, description="how many of the source's latents reach the target")
    coupling: float = Field(1.0, ge=0, description="gain of the shared latents in the target; 0 = no link")
    private_gain: float = Field(0.5, ge=0, description="gain of the target's own latents")
    drift: float = Field(0.3, ge=0, description="size of slow drift in log rate")
    theta: float = Field(0.5, ge=0, description="depth of theta modulation of the source, log rate")
    refractory_s: float = Field(0.002, ge=0)
    label_information: float = Field(1.0, ge=0, description="coupling of deliberation to the choice; 0 = none")


class QualityConfig(Section):
    """Which units are recorded well enough, by limits on measures that see no label. null takes a limit away."""

    max_isi_violations: float | None = Field(
        0.5, gt=0, description="ratio of Hill et al. 2011; Poisson spikes have 0.5"
    )
    refractory_s: Positive = 0.0015
    min_presence_ratio: Fraction | None = Field(0.9, description="share of presence bins that hold a spike")
    presence_bin_s: Positive = 60.0
    max_amplitude_cutoff: Fraction | None = Field(0.1, description="where the units table has amplitude_cutoff")
    sorter_labels: list[str] | None = Field(["good"], min_length=1, description="labels that are kept")
    sorter_label_from: str | None = Field("auto", description="column of the units table, auto, or null for none")
    max_rate_change: float | None = Field(None, gt=1, description="fold, first to last third of observed time")


class TrialsConfig(Section):
    table: str = "trials"
    align: str = "decision_time"
    window_s: tuple[float, float] = (-2.0, 0.0)
    decision: str | None = None
    label: str | dict[str, str] = Field("choice", description="a column, an expression, or class -> expression")
    include: str | None = Field(None, description="an expression over the columns")
    covariates: list[str] = Field(default=[], description="columns for the model trial_columns, known at the decision")

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
    width_s: Positive = 0.05


class SplitConfig(Section):
    by: Literal["block", "recording", "animal"] = "block"
    n_outer_folds: int = Field(5, ge=2)
    n_inner_folds: int = Field(1, ge=1)
    gap_s: Annotated[float, Field(ge=0)] | Auto = "auto"


class TuneConfig(Section):
    n_trials: int = Field(10, ge=1)
    n_startup_trials: int = Field(5, ge=1)
    max_epochs: int | None = Field(None, ge=1, description="cap on epochs while tuning; null = the model's own")


class AnalysisConfig(Section):
    """What is asked of the tuned translator's latents; see spikebridge.latent_analysis, one file an analysis."""

    model: Literal["seq2seq"] = "seq2seq"
    n_folds: int = Field(2, ge=1, description="outer folds that are refitted, the first ones")
    n_members: int = Field(1, ge=1, description="networks a fit")
    max_epochs: int = Field(8, ge=1, description="cap on epochs of a fit")
    halves: list[Literal["source", "target"]] = Field(["source"], description="whose units consistency halves")
    analyses: list[Literal["direction", "consistency", "held_out_units", "attribution", "optimism"]] = [
        "direction", "consistency", "held_out_units", "attribution", "optimism"
    ]  # fmt: skip


class NestedModelsConfig(Section):
    """Nested models; see spikebridge.nested_models. Columns are of trials.covariates, or behaviour series."""

    task_columns: list[str] | None = Field(
        None, description="columns of the step task_variables; null = trials.covariates"
    )
    confounds: list[str] = Field([], description="columns that source and latents must tell beyond")
    confound_control: Literal["residualise", "match"] = Field(
        "residualise", description="what is done with the confounds"
    )


class StatisticsConfig(Section):
    alpha: float = Field(0.05, gt=0, lt=1)
    n_resamples: int = Field(10000, ge=100)
    cluster: Literal["auto", "recording", "block", "animal", "nested"] = "auto"
    equivalence_margin: float = Field(0.05, gt=0, lt=1)
    condition: str | None = Field(None, description="condition_shuffle keeps its mean course; null: the label")


def _model_name(name: str) -> str:
    if not name.strip() or name != name.strip() or len(name) > 200 or any(c in "/:@'\"" or ord(c) < 32 for c in name):
        raise ValueError(f"expected a name of at most 200 characters without / : @ and quotes, got {name[:80]!r}")
    return name


class TrackingConfig(Section):
    experiment: str = "spikebridge"
    registered_model: Annotated[str, AfterValidator(_model_name)] = "spikebridge"
    uri: str | None = None


class ComputeConfig(Section):
    workers: Annotated[int, Field(ge=1)] | Auto = "auto"
    device: str = "auto"


class Config(Section):
    seed: int = Field(1, ge=0)
    simulate: SimulateConfig = SimulateConfig()
    data: DataConfig
    quality: QualityConfig = QualityConfig()
    trials: TrialsConfig = TrialsConfig()
    bins: BinsConfig = BinsConfig()
    split: SplitConfig = SplitConfig()
    models: dict[str, dict[str, Any]]
    tune: TuneConfig = TuneConfig()
    analysis: AnalysisConfig = AnalysisConfig()
    nested_models: NestedModelsConfig = NestedModelsConfig()
    statistics: StatisticsConfig = StatisticsConfig()
    tracking: TrackingConfig = TrackingConfig()
    compute: ComputeConfig = ComputeConfig()

    @model_validator(mode="after")
    def _fits(self) -> Config:
        length = self.trials.window_s[1] - self.trials.window_s[0]
        if self.bins.width_s > length:
            raise ValueError(f"bins.width_s = {self.bins.width_s} is wider than the window of {length:g} s")
        condition = self.statistics.condition
        if condition is not None and condition not in self.trials.covariates:
            raise ValueError(
                f"statistics.condition: expected null or one of trials.covariates {self.trials.covariates}, "
                f"got {condition!r}"
            )
        return self


def load(path: Path | str = "params.yaml") -> Config:
    """Read and check a parameter file.

    Raises ConfigError naming the file and every offending key, with "did you mean" where one is near.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such parameter file") from None
    except (UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML: {error}") from None
    raw = load_yaml(text, str(path))
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: expected sections such as data: and models:, got {_kind(raw)}")
    return parse(raw, str(path))


def _kind(raw: Any) -> str:
    return "an empty file" if raw is None else type(raw).__name__


def parse(raw: dict[str, Any], name: str = "params") -> Config:
    """Check a nested mapping; see `load`. Source and target come as `data.direction` asks for them."""
    if lines := renamed_keys(raw):
        raise ConfigError(f"{name}: {'; '.join(lines)}")
    try:
        config = Config.model_validate(raw)
        return config.model_copy(update={"data": config.data.directed()})
    except ValidationError as error:
        raise ConfigError(f"{name}: {describe_errors(error, Config)}") from None
