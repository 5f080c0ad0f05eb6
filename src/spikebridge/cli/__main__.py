"""`python -m spikebridge.cli`."""

from spikebridge.cli import main

main()
