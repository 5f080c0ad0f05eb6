"""Calibration of the tests: rates of false claims in simulated studies with known truth, through all of evaluate.

Import from `run`: this file imports nothing, so that the fingerprint of a study does not cover figures and page.
"""
