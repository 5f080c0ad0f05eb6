"""One reader a file; see spikebridge.io.registry."""
