"""Errors that a user can act on. Anything else that is raised is a defect of spikebridge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from spikebridge.errors.findings import REFUSED, Finding, Refusal


class SpikebridgeError(Exception):
    """A mistake in the user's input. The message names the thing, what was expected and what was found."""

    exit_code = 2


class ConfigError(SpikebridgeError):
    """params.yaml asks for something that does not exist or cannot work."""


class DataError(SpikebridgeError):
    """A recording, a table or an array has wrong content. It survives pickling, with its records.

    Parameters
    ----------
    message : str
        What is printed.
    refusal : Refusal, optional
        The same as records. Where it is not given, it holds the message as one finding with the code `REFUSED`.
    warnings : Sequence[Finding]
        Other findings about the recording.
    """

    def __init__(self, message: str, refusal: Refusal | None = None, warnings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.refusal = refusal or Refusal("", (Finding.error(REFUSED, "data", message),))
        self.warnings = tuple(warnings)

    @classmethod
    def of(cls, code: str, place: Path | str, text: str, remedy: str = "", subject: str = "") -> Self:
        """An error with one finding.

        Parameters
        ----------
        code, text, remedy : str
            Of the finding.
        place : Path or str
            The file, or the part of the recording, with which the message begins; may be empty.
        subject : str
            Of the finding, where it is not the place.
        """
        subject = subject or (place.name if isinstance(place, Path) else place)
        return cls.about(place, [Finding.error(code, subject, text, remedy)])

    @classmethod
    def about(cls, place: Path | str, findings: Sequence[Finding], warnings: Sequence[Finding] = ()) -> Self:
        """An error with several findings. place: what the message begins with, such as the path; may be empty."""
        refusal = Refusal(str(place), tuple(findings))
        return cls(str(refusal), refusal, warnings)


class LeakageError(SpikebridgeError):
    """A result was fitted on data that the split manifest does not allow, or belongs to another split manifest."""


class RegistryError(SpikebridgeError):
    """A registered model cannot be found or read, or cannot be applied to the given counts."""


class StorageError(SpikebridgeError):
    """The system could not read or write: no space, no permission, or no memory."""


class RemoteError(SpikebridgeError):
    """A server cannot be reached or refuses, or what it holds changed, or is not what was asked for."""
