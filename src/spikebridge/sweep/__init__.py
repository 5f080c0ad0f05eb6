"""Every ordered pair of regions: what the source adds, with false discovery control; one DVC stage a pair.

A pair is tuned, fitted and scored by the code of the main pipeline. All pairs have the same trials and folds in a
recording. `run.run_sweep` runs a whole sweep; `prepare`, `pair` and `collect` have its stages. Nothing is imported
here, so that the digest of the code of one stage does not count that of the others.
"""
