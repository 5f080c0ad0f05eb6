"""Nulls of decisions, translations and latents, and their table."""

from spikebridge.evaluation.nulls.table import null_tables

__all__ = ["null_tables"]
