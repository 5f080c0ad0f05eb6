"""Scores, comparisons and nulls of everything that train wrote, after the leakage check."""

from spikebridge.evaluation.run import evaluate

__all__ = ["evaluate"]
