"""Errors that a user can act on. Anything else that is raised is a defect of spikebridge."""

from __future__ import annotations

from spikebridge.errors.findings import Finding


class SpikebridgeError(Exception):
    """A mistake in the user's input. The message names the thing, what was expected and what was found."""

    exit_code = 2


class ConfigError(SpikebridgeError):
    """params.yaml asks for something that does not exist or cannot work."""


class DataError(SpikebridgeError):
    """A recording, a table or an array has wrong content. warnings: other findings about it."""

    warnings: tuple[Finding, ...] = ()


class LeakageError(SpikebridgeError):
    """A result was fitted on data that the split manifest does not allow, or belongs to another split manifest."""


class RegistryError(SpikebridgeError):
    """A registered model cannot be found or read, or cannot be applied to the given counts."""


class StorageError(SpikebridgeError):
    """The system could not read or write: no space, no permission, or no memory."""
