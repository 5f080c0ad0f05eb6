"""Nested models: what predicts a decision, and target spikes, without source spikes, with them, and with latents.

Each model is fitted out of fold, and its gain is over a simpler one, so that a reader sees what latents add and over
what. Of decisions: see `decoding`; of target spikes: see `encoding`.
"""

from spikebridge.nested_models.run import NestedModelsSections, fit_nested_models

__all__ = ["NestedModelsSections", "fit_nested_models"]
