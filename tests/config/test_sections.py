"""Records of sections, and the jobs of worker processes, which carry them instead of the whole configuration."""

from __future__ import annotations

import typing
from dataclasses import fields

import pytest
from studies import small_config

from spikebridge.config import Config, RecordingSections, Sections, WindowSections
from spikebridge.evaluation import EvaluationSections
from spikebridge.fitting.adaptation import AdaptationSections
from spikebridge.fitting.training import FoldFit
from spikebridge.fitting.tuning import TuningSections, TuningStudy
from spikebridge.io import IngestSections
from spikebridge.io.ingest import IngestJob
from spikebridge.latent_analysis import AnalysisSections
from spikebridge.latent_analysis.run import AnalysisFold
from spikebridge.nested_models import NestedModelsSections
from spikebridge.nested_models.run import DecodingFold
from spikebridge.preprocess import PreprocessSections
from spikebridge.preprocess.run import WindowingJob

RECORDS = [
    RecordingSections, WindowSections, IngestSections, PreprocessSections, TuningSections, AnalysisSections,
    NestedModelsSections, EvaluationSections, AdaptationSections,
]  # fmt: skip


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_has_the_sections_of_its_fields(record: type[Sections]) -> None:
    config = small_config()
    made = record.of(config)
    assert {f.name for f in fields(record)} < set(Config.model_fields)
    for f in fields(record):
        assert getattr(made, f.name) == getattr(config, f.name)


def test_a_smaller_record_is_made_of_a_larger_one() -> None:
    config = small_config()
    assert RecordingSections.of(AdaptationSections.of(config)) == RecordingSections.of(config)


@pytest.mark.parametrize("job", [IngestJob, WindowingJob, TuningStudy, FoldFit, DecodingFold, AnalysisFold])
def test_jobs_do_not_carry_the_whole_configuration(job: type) -> None:
    types = typing.get_type_hints(job).values()
    assert Config not in types
    assert not {IngestSections, PreprocessSections, TuningSections, AnalysisSections} & set(types)
