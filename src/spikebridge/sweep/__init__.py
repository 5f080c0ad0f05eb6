"""Every ordered pair of regions: what the source adds, with false discovery control; one DVC stage a pair.

A pair is tuned, fitted and scored by the code of the main pipeline. All pairs have the same trials and folds in a
recording.
"""

from spikebridge.sweep.pair import check_translator, fit_pair
from spikebridge.sweep.prepare import ingest_regions, prepare
from spikebridge.sweep.run import run_sweep
from spikebridge.sweep.scores import pair_table

__all__ = ["check_translator", "fit_pair", "ingest_regions", "pair_table", "prepare", "run_sweep"]
