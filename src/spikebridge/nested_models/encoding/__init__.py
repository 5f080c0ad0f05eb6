"""NestedRegression models of the target's spikes: from the mean rate to the shared latents."""
