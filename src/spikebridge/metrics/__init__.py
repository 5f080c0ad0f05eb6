"""What is measured: translation (bits/spike), decisions, calibration, recovery of known latents, lag and dimension."""

from spikebridge.metrics.bits_per_spike import RATE_FLOOR, bits_per_spike, floored, information
from spikebridge.metrics.decision import (
    accuracy,
    auc,
    balanced_accuracy,
    balanced_accuracy_within_blocks,
    brier,
    brier_per_trial,
    log_loss,
    log_loss_per_trial,
    no_information_rate,
)
from spikebridge.metrics.decision_axis import DecisionAxis, decision_axis
from spikebridge.metrics.lag_and_dimension import (
    DimensionEstimate,
    LagEstimate,
    estimate_dimension,
    estimate_lag,
    pooled_dimension,
    pooled_lag,
)
from spikebridge.metrics.latent_similarity import consistency, latent_r2, linear_map, r2, truth_at
from spikebridge.metrics.reliability import calibration_curve, expected_calibration_error

__all__ = [
    "RATE_FLOOR",
    "DecisionAxis",
    "DimensionEstimate",
    "LagEstimate",
    "accuracy",
    "auc",
    "balanced_accuracy",
    "balanced_accuracy_within_blocks",
    "bits_per_spike",
    "brier",
    "brier_per_trial",
    "calibration_curve",
    "consistency",
    "decision_axis",
    "estimate_dimension",
    "estimate_lag",
    "expected_calibration_error",
    "floored",
    "information",
    "latent_r2",
    "linear_map",
    "log_loss",
    "log_loss_per_trial",
    "no_information_rate",
    "pooled_dimension",
    "pooled_lag",
    "r2",
    "truth_at",
]
