"""The ladder of explanations: what can be said without spikes, with them, and with latents, each step out of fold.

A reader sees from it what latents add, and over what. Of decisions: see `steps`; of target spikes: see `translation`.
"""

from spikebridge.nested_models.run import climb

__all__ = ["climb"]
