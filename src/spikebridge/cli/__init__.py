"""The command line. A user's mistake, a full disk or a missing permission ends in one line and exit code 2."""

from spikebridge.cli.command_line import main, parser

__all__ = ["main", "parser"]
