"""One reader a file; see spikebridge.io.reader_registry."""
