"""Latents whose course over a trial depends on covariates, mixed in every recording in another way."""

from __future__ import annotations

import numpy as np

from spikebridge.types import Windows

BINS, LATENTS = 16, 3
NAMES = ("label 1 back", "column delay", "column place")


def trials(n: int, seed: int, names: tuple[str, ...] = NAMES) -> Windows:
    rng = np.random.default_rng(seed)
    counts = np.zeros((n, BINS, 2), np.uint8)
    covariates = np.column_stack([rng.integers(0, 2, n), rng.normal(5, 2, n), rng.integers(0, 3, n)])[:, : len(names)]
    start = np.arange(n) * 5.0
    return Windows(
        f"rec{seed}", counts, counts, start, 0.1, np.arange(n), np.arange(n) % 2, start + 1.6, ("x", "y"),
        np.arange(2), np.arange(2), covariates=covariates, covariate_names=names,
    )  # fmt: skip


def courses(w: Windows, seed: int, noise: float = 0.3) -> np.ndarray:
    """(trial, bin, latent): a ramp that the delay scales, a bump at one place, and a wave that all trials share."""
    time = np.linspace(0, 1, BINS)
    delay, place = (w.covariate("column delay") - 5) / 2, w.covariate("column place") == 1
    ramp, bump = delay[:, None] * time, place[:, None] * np.exp(-((time - 0.4) ** 2) / 0.02)
    wave = np.tile(np.sin(6 * time), (len(w), 1))
    clean = np.stack([ramp, bump, wave], axis=2)
    return clean + noise * np.random.default_rng([seed, 1]).normal(size=clean.shape)
