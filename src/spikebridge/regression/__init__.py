"""Penalised regressions on plain arrays: ridge, reduced rank, Poisson and logistic. No other room does them again."""

from spikebridge.regression.linear import (
    held_out_explained,
    one_sem_rank,
    principal_directions,
    relative_penalty,
    ridge_slope,
)
from spikebridge.regression.logistic import LogisticFits, fit_logistic
from spikebridge.regression.poisson import PoissonFit, fit_poisson

__all__ = [
    "LogisticFits",
    "PoissonFit",
    "fit_logistic",
    "fit_poisson",
    "held_out_explained",
    "one_sem_rank",
    "principal_directions",
    "relative_penalty",
    "ridge_slope",
]
