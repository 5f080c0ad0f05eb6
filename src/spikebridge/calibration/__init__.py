"""Calibration of the tests: rates of false claims in simulated studies with known truth, through all of evaluate."""

from spikebridge.calibration.run import Plan, calibrate, summarise

__all__ = ["Plan", "calibrate", "summarise"]
