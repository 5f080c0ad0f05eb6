"""The contents of a recording or a folder of recordings, and proposed parameters for them, before any params.yaml.

`inspect` reads and summarises the recordings, proposes the sections data, trials and bins, and runs the first stages
with the proposal. It prints nothing; `spikebridge.cli` prints its result.
"""

from spikebridge.inspection.params_yaml import complete_params, params_sections
from spikebridge.inspection.records import DryRun, Inspection, Proposal, to_dict
from spikebridge.inspection.run import InspectOptions, inspect
from spikebridge.inspection.try_parameters import TriedSections, try_parameters

__all__ = [
    "DryRun",
    "InspectOptions",
    "Inspection",
    "Proposal",
    "TriedSections",
    "complete_params",
    "inspect",
    "params_sections",
    "to_dict",
    "try_parameters",
]
