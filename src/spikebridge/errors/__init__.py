"""Errors that a user can act on. Anything else that is raised is a defect of spikebridge."""

from __future__ import annotations

from spikebridge.errors.findings import Finding


class SpikebridgeError(Exception):
    """A mistake in the user's input. The message names the thing, what was expected and what was found."""

    exit_code = 2


class ConfigError(SpikebridgeError):
    """params.yaml asks for something that does not exist or cannot work."""


class DataError(SpikebridgeError):
    """A recording, a table or an array does not hold what it should. warnings: what else was found in it."""

    warnings: tuple[Finding, ...] = ()


class LeakageError(SpikebridgeError):
    """A result was fitted on, or made for, other data than the split manifest allows."""


class RegistryError(SpikebridgeError):
    """A registered model cannot be found, read or fed with the given counts."""


class StorageError(SpikebridgeError):
    """The system refused to read or write: no space, no permission, no memory."""
