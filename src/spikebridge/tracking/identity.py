"""The identity of a pipeline execution: hashes of its parameters, data, split and code. Equal identity, same run."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from spikebridge.artifacts.splits import SPLITS_FILE, load_split_hash
from spikebridge.artifacts.windows import WINDOWS_FOLDER, data_hash
from spikebridge.config import Config
from spikebridge.runtime.hashing import digest, source_hash

NOT_SCIENCE = {"tracking", "compute", "sweep"}
"""Sections that change no result of the pipeline: the store, the number of processes, and the sweep over pairs of
regions, whose results lie elsewhere."""


@dataclass(frozen=True)
class Identity:
    """Hashes (hex) of the inputs of an execution. The git revision is logged but is not part of the fingerprint."""

    params_hash: str
    data_hash: str
    split_hash: str
    source_hash: str
    git_revision: str

    @property
    def fingerprint(self) -> str:
        return digest(self.params_hash, self.data_hash, self.split_hash, self.source_hash)

    def tags(self) -> dict[str, str]:
        """As run and version tags."""
        names = ("params_hash", "data_hash", "split_hash", "source_hash", "git_revision")
        return {name: getattr(self, name) for name in names}


def identify(config: Config, project: Path) -> Identity:
    """Identity of the execution whose files are in `project`.

    Raises DataError if the windows or the split manifest do not exist yet.
    """
    return Identity(
        params_hash=digest(json.dumps(config.model_dump(mode="json", exclude=NOT_SCIENCE), sort_keys=True)),
        data_hash=data_hash(project / WINDOWS_FOLDER),
        split_hash=split_hash(project),
        source_hash=source_hash(),
        git_revision=git_revision(project),
    )


def split_hash(project: Path) -> str:
    """Hash of the split manifest as it stands in the file. Raises DataError if there is none."""
    return load_split_hash(project / SPLITS_FILE)


def git_revision(project: Path) -> str:
    """Commit of the project, with "-dirty" if tracked files differ from it; "none" without git."""
    try:
        head = _git(project, "rev-parse", "HEAD")
        return head + ("-dirty" if _git(project, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return "none"


def _git(project: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()
