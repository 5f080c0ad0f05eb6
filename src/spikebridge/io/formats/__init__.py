"""What readers share: one folder a format. The readers themselves are one file each in spikebridge.io.readers."""
