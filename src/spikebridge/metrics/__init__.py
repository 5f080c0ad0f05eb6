"""Scores: translation (bits/spike), decisions, latents, and lag and dimension from counts."""

from spikebridge.metrics.bits_per_spike import RATE_FLOOR, bits_per_spike, floored, information
from spikebridge.metrics.coupling_curves import (
    DimensionEstimate,
    LagEstimate,
    dimensions_of_draws,
    lags_of_draws,
    pooled_dimension,
    pooled_lag,
)
from spikebridge.metrics.decision import (
    balanced_accuracy,
    balanced_accuracy_within_blocks,
    brier_per_trial,
    calibration_curve,
    log_loss,
    log_loss_per_trial,
    no_information_rate,
)
from spikebridge.metrics.lag_and_dimension import estimate_dimension, estimate_lag, surrounded
from spikebridge.metrics.latents import (
    DecisionAxis,
    LinearMap,
    consistency,
    decision_axis,
    latent_r2,
    linear_map,
    r2,
    truth_at,
)
from spikebridge.metrics.roc import RocCurve, roc_curve
from spikebridge.metrics.subspaces import (
    orthonormal_basis,
    principal_angles,
    principal_components,
    variance_in,
)

__all__ = [
    "RATE_FLOOR",
    "DecisionAxis",
    "DimensionEstimate",
    "LagEstimate",
    "LinearMap",
    "RocCurve",
    "balanced_accuracy",
    "balanced_accuracy_within_blocks",
    "bits_per_spike",
    "brier_per_trial",
    "calibration_curve",
    "consistency",
    "decision_axis",
    "dimensions_of_draws",
    "estimate_dimension",
    "estimate_lag",
    "floored",
    "information",
    "lags_of_draws",
    "latent_r2",
    "linear_map",
    "log_loss",
    "log_loss_per_trial",
    "no_information_rate",
    "orthonormal_basis",
    "pooled_dimension",
    "pooled_lag",
    "principal_angles",
    "principal_components",
    "r2",
    "roc_curve",
    "surrounded",
    "truth_at",
    "variance_in",
]
