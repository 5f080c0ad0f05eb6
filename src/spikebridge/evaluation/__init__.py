"""Scores, comparisons and nulls of everything that train wrote, after the leakage check."""

from spikebridge.evaluation.run import EvaluationSections, evaluate

__all__ = ["EvaluationSections", "evaluate"]
