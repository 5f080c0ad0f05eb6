"""params.yaml -> typed, checked configuration. An unknown key is an error with a suggestion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from spikebridge.config.base import Positive, Section
from spikebridge.config.data import CLOCKS, DataConfig, LimitsConfig, ProbeFiles
from spikebridge.config.preparation import BinsConfig, QualityConfig, SimulateConfig, SplitConfig, TrialsConfig
from spikebridge.config.results import (
    AnalysisConfig,
    BaselineConfig,
    ClusterConfig,
    ComputeConfig,
    NestedModelsConfig,
    StateConfig,
    StatisticsConfig,
    SweepConfig,
    TlsConfig,
    TrackingConfig,
    TuneConfig,
)
from spikebridge.config.sections import RecordingSections, Sections, WindowSections
from spikebridge.config.strict_yaml import load_yaml
from spikebridge.errors import ConfigError
from spikebridge.errors.renamed_keys import renamed_keys
from spikebridge.errors.validation_errors import describe_errors

__all__ = [
    "CLOCKS",
    "AnalysisConfig",
    "BaselineConfig",
    "BinsConfig",
    "ClusterConfig",
    "ComputeConfig",
    "Config",
    "DataConfig",
    "LimitsConfig",
    "NestedModelsConfig",
    "Positive",
    "ProbeFiles",
    "QualityConfig",
    "RecordingSections",
    "Section",
    "Sections",
    "SimulateConfig",
    "SplitConfig",
    "StateConfig",
    "StatisticsConfig",
    "SweepConfig",
    "TlsConfig",
    "TrackingConfig",
    "TrialsConfig",
    "TuneConfig",
    "WindowSections",
    "load",
    "parse",
]


class Config(Section):
    """A whole parameter file, checked.

    Parameters
    ----------
    seed : int
        Of every random stream.
    simulate, data, quality, trials, bins, split : Section
        Sections about data.
    baseline : BaselineConfig
        Terms of the baseline of all translators.
    models : dict
        Name of a model -> its settings.
    tune, analysis, nested_models, statistics, sweep, tracking, compute : Section
        Sections about fits and results.
    """

    seed: int = Field(1, ge=0)
    simulate: SimulateConfig = SimulateConfig()
    data: DataConfig
    quality: QualityConfig = QualityConfig()
    trials: TrialsConfig = TrialsConfig()
    bins: BinsConfig = BinsConfig()
    split: SplitConfig = SplitConfig()
    baseline: BaselineConfig = BaselineConfig()
    models: dict[str, dict[str, Any]]
    tune: TuneConfig = TuneConfig()
    analysis: AnalysisConfig = AnalysisConfig()
    nested_models: NestedModelsConfig = NestedModelsConfig()
    statistics: StatisticsConfig = StatisticsConfig()
    sweep: SweepConfig = SweepConfig()
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

    Parameters
    ----------
    path : Path or str
        The file, such as params.yaml.

    Returns
    -------
    Config
        Its sections. Source and target come as `data.direction` asks for them.

    Raises
    ------
    ConfigError
        Names the file and every wrong key, with "did you mean" where one is near.
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
    """Check a nested mapping; see `load`.

    Parameters
    ----------
    raw : dict
        The sections, as a YAML reader gives them.
    name : str
        What error messages call it.

    Returns
    -------
    Config
        The checked sections. Source and target come as `data.direction` asks for them.

    Raises
    ------
    ConfigError
        Names every wrong key.
    """
    if lines := renamed_keys(raw):
        raise ConfigError(f"{name}: {'; '.join(lines)}")
    try:
        config = Config.model_validate(raw)
        return config.model_copy(update={"data": config.data.directed()})
    except ValidationError as error:
        raise ConfigError(f"{name}: {describe_errors(error, Config)}") from None
