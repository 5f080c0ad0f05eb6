"""The pipeline in a notebook or a script, without DVC: `spikebridge.fit`."""

from spikebridge.notebook.fitted_models import FittedModels, fit

__all__ = ["FittedModels", "fit"]
