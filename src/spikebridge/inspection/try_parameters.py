"""Try a parameter file on its recordings, by the code of the stages ingest and preprocess; nothing is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from spikebridge.artifacts.recordings import IngestedRecordings
from spikebridge.config import ComputeConfig, WindowSections
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.io import IngestSections, ingest
from spikebridge.preprocess import make_windows
from spikebridge.preprocess.trials import classes_of


@dataclass(frozen=True)
class TriedSections(WindowSections):
    """The sections of params.yaml that are tried.

    Parameters
    ----------
    data, quality, trials, bins, compute : Section
        The sections of these names.
    """

    compute: ComputeConfig


def try_parameters(
    sections: TriedSections, ingested: Path | None = None, report: Callable[[str], None] = lambda _: None
) -> None:
    """Read every recording, and cut it into windows.

    Parameters
    ----------
    sections : TriedSections
        What to try.
    ingested : Path, optional
        The folder of the last ingest, whose recordings are taken where neither files nor settings changed.
    report : callable
        Gets the name of each recording before it is cut.

    Raises
    ------
    ConfigError, DataError
        With what is wrong in every recording.
    """
    with tempfile.TemporaryDirectory() as folder:
        here = replace(IngestSections.of(sections), compute=sections.compute.on_this_machine())
        ingest(here, Path(folder), earlier=ingested)
        recordings = IngestedRecordings(Path(folder))
        classes = classes_of(recordings.trials(), sections.trials)
        wrong: list[Finding] = []
        for recording in recordings:
            report(recording.name)
            try:
                make_windows(recording, WindowSections.of(sections), classes)
            except DataError as error:
                wrong.extend(error.refusal.complete)
    if wrong:
        raise DataError.about("", wrong)
