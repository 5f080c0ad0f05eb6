"""Predictions of a saved model for new recordings, trial by trial, and their scores where the decisions are known."""

from spikebridge.prediction.predict import RecordingPrediction, long_table, predict_recordings
from spikebridge.prediction.recordings import NewRecording, fitted_line, read_new_recordings
from spikebridge.prediction.score import score_predictions
from spikebridge.prediction.settings import PredictionSections, prediction_sections

__all__ = [
    "NewRecording",
    "PredictionSections",
    "RecordingPrediction",
    "fitted_line",
    "long_table",
    "predict_recordings",
    "prediction_sections",
    "read_new_recordings",
    "score_predictions",
]
