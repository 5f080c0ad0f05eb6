"""Everything that the report reads, as one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.artifacts.training import TRAINING_FOLDER, TrainingRun
from spikebridge.artifacts.windows import WINDOWS_FOLDER, has_report, load_report
from spikebridge.config import declared_tests
from spikebridge.config.preparation import SplitConfig
from spikebridge.config.results import (
    AnalysisConfig,
    BaselineConfig,
    NestedModelsConfig,
    StatisticsConfig,
    TuneConfig,
)
from spikebridge.config.sections import WindowSections
from spikebridge.errors import DataError
from spikebridge.figures import Regions
from spikebridge.report.wording import spaced

ROLES = ("source", "target")
Row = Mapping[Any, Any]


@dataclass(frozen=True)
class ReportSections(WindowSections):
    """The sections of params.yaml that the report describes: those that decide what was computed.

    Parameters
    ----------
    data, quality, trials, bins, seed, split, baseline, models, tune, analysis, nested_models, statistics : Section
        The sections of these names.
    """

    seed: int
    split: SplitConfig
    baseline: BaselineConfig
    models: dict[str, dict[str, Any]]
    tune: TuneConfig
    analysis: AnalysisConfig
    nested_models: NestedModelsConfig
    statistics: StatisticsConfig


@dataclass(frozen=True)
class Study:
    """The results of a project and the settings that they were made with. project: the folder of params.yaml."""

    sections: ReportSections
    project: Path

    @property
    def evaluation(self) -> EvaluationRun:
        return EvaluationRun(self.project / EVALUATION_FOLDER)

    @property
    def source(self) -> str:
        """Name of the source region, such as HC."""
        return "+".join(self.sections.data.directed().source)

    @property
    def target(self) -> str:
        """Name of the target region, such as PFC."""
        return "+".join(self.sections.data.directed().target)

    def shown(self, name: Any) -> str:
        """A model or step for people, with the names of the regions in it."""
        own = {
            "source_region": f"{self.source} spikes",
            "target_region": f"{self.target} spikes",
            "target_history": f"{self.target}'s own past",
            "target_history_source": f"{self.target}'s own past and {self.source}",
            "linear_source": f"{self.source}, linear",
            "without_source": f"itself without {self.source}",
        }
        return own.get(str(name)) or self.named(spaced(name))

    def named(self, text: Any) -> str:
        """A text of evaluate or of a figure, with the names of the regions for the words source and target."""
        return Regions(self.source, self.target).named("" if text is None else str(text))

    def verdict(self, text: Any) -> str:
        """The text of a verdict, with the names of regions and models as people write them."""
        return self.named(spaced(text or ""))

    @cached_property
    def metrics(self) -> dict[str, Any]:
        return self.evaluation.read_metrics()

    @cached_property
    def comparisons(self) -> list[Row]:
        return _rows(self.evaluation.read_comparisons())

    @property
    def declared(self) -> list[Row]:
        """The declared tests: rows of comparisons.csv."""
        return [row for row in self.comparisons if row["role"] == "primary"]

    @cached_property
    def nulls(self) -> list[Row]:
        return _rows(self.evaluation.read_nulls())

    @cached_property
    def nested(self) -> list[Row]:
        """Rows of the nested models; none where the stage nested_models was not run."""
        return _rows(self.evaluation.read_nested_models())

    @cached_property
    def leakage(self) -> dict[str, Any]:
        return self.evaluation.read_leakage()

    @cached_property
    def preparation(self) -> dict[str, Any]:
        """Recording -> what preprocess kept and dropped, and why; empty where it left no report."""
        folder = self.project / WINDOWS_FOLDER
        content: dict[str, Any] = load_report(folder)["recordings"] if has_report(folder) else {}
        return content

    @cached_property
    def recordings(self) -> list[str]:
        """Names of the recordings, sorted."""
        per_model = (each.get("per_recording", {}) for each in self.metrics.get("translation", {}).values())
        return sorted(set(self.preparation) | {name for names in per_model for name in names})

    @property
    def animals(self) -> set[str]:
        return {str(about.get("animal") or name) for name, about in self.preparation.items()}

    @property
    def deciding(self) -> list[str]:
        """Models that predict decisions: those of the declared tests first."""
        return _in_order(self.metrics.get("models", {}), declared_tests.DECIDING)

    @property
    def translating(self) -> list[str]:
        """Models that translate: those of the declared tests first."""
        return _in_order(self.metrics.get("translation", {}), declared_tests.TRANSLATING)

    @property
    def translator(self) -> str:
        """The model whose translation is claimed; "" where none translates."""
        return next(iter(self.translating), "")

    @property
    def models(self) -> list[str]:
        return list(dict.fromkeys([*self.deciding, *self.translating]))

    @property
    def classes(self) -> tuple[str, ...]:
        """The possible decisions, as the predictions name them; empty where no model decides."""
        for model in self.deciding:
            if (run := self.trained(model)).predictions.is_file():
                return run.read_classes()
        return ()

    def trained(self, model: str) -> TrainingRun:
        return TrainingRun(self.project / TRAINING_FOLDER / model)

    def table(self, name: str) -> list[Row]:
        """Rows of a table for figures; none where it was not written."""
        return _rows(self.evaluation.read_table(name))

    def check(self) -> None:
        """Raise DataError where nothing has been evaluated yet."""
        if not self.evaluation.metrics.is_file():
            raise DataError(
                f"nothing has been evaluated yet: expected {EVALUATION_FOLDER.as_posix()}/ in {self.project}. Run the "
                "pipeline first: make repro"
            )


def _rows(table: pd.DataFrame | None) -> list[Row]:
    if table is None:
        return []
    rows: list[Row] = table.astype(object).where(table.notna(), None).to_dict("records")
    return rows


def _in_order(names: Mapping[str, Any], first: tuple[str, ...]) -> list[str]:
    return [name for name in first if name in names] + sorted(name for name in names if name not in first)
