"""Scores and tests of the nested models."""
