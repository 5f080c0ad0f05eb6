"""What the latents of the tuned translator mean: one file an analysis, each learned inside outer folds.

An analysis is a module here with `tables(refits) -> {name: table}`; the tables of all folds are written together.
"""

from spikebridge.latent_analysis.run import AnalysisSections, analyze

__all__ = ["AnalysisSections", "analyze"]
