"""The labels of trials and the quality labels of units, from tables and expressions."""

from spikebridge.labels.sorter_labels import UnitLabels, unit_labels
from spikebridge.labels.trial_labels import included_trials, label_names, trial_labels
from spikebridge.labels.unit_labels import merge_labels

__all__ = ["UnitLabels", "included_trials", "label_names", "merge_labels", "trial_labels", "unit_labels"]
