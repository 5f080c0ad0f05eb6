"""The truth of simulated recordings, <data>/truth/<recording>.npz beside the recordings; the stage simulate writes it.

time_s, shared, private    time grid (s) and latents, (time, latent)
lag_s, dimension, names    lag of the target region (s), number of shared latents, their names
source_region              name of the source region
source_units, source_loadings, target_units, target_loadings    unit ids, and weights (unit, latent) of their log rates
regime, transferred        what the target follows, (time, latent), where that is not the shared latents
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors import DataError

SIMULATED_FOLDER = Path("data") / "simulated"
"""Of the stage simulate, in the folder of a project."""
TRUTH_FOLDER = "truth"
"""Within the folder of the recordings; readers leave it out."""
TARGET_REGION = "PFC"
LINEAR = "linear"
Array = NDArray[np.floating]


@dataclass(frozen=True)
class RegionTruth:
    """The units of one simulated region.

    Parameters
    ----------
    region : str
        Name of the region.
    units : NDArray, shape (unit,)
        Unit ids in the file of the recording.
    loadings : NDArray, shape (unit, latent), or None
        Weight of each column of `shared` (source), or of each transferred latent (target), in the log rate of each
        unit. None: a file of an earlier version without them.
    """

    region: str
    units: NDArray[np.integer]
    loadings: Array | None


@dataclass(frozen=True)
class Truth:
    """The true parameters and latents of a simulated session.

    Parameters
    ----------
    time_s : NDArray, shape (time,), seconds
        Time grid of the latents.
    shared : NDArray, shape (time, latent)
        Latents in HC that PFC depends on: the shared latents, then the state of a regime that has one. In the regime
        linear PFC at time t follows shared(t - lag_s).
    private : NDArray, shape (time, latent)
        Latents of PFC alone.
    lag_s : float
        Lag of PFC after HC, seconds.
    dimension : int
        Number of shared latents that reach PFC; 0 if the regions are not coupled.
    source, target : RegionTruth
        The units of HC and of PFC.
    names : tuple of str
        Names of the columns of `shared`.
    regime : str
        What PFC follows; see `spikebridge.simulate.regimes`.
    transferred : NDArray, shape (time, latent), or None
        What reaches PFC: its log rate at time t is linear in transferred(t - lag_s). None: the shared latents do.
    """

    time_s: Array
    shared: Array
    private: Array
    lag_s: float
    dimension: int
    source: RegionTruth
    target: RegionTruth
    names: tuple[str, ...]
    regime: str = LINEAR
    transferred: Array | None = None


def truth_path(data: Path, recording: str) -> Path:
    """The file of one recording.

    Parameters
    ----------
    data : Path
        Folder of the recordings.
    recording : str
        Name of the recording.

    Returns
    -------
    Path
        Where its truth is, or would be.
    """
    return Path(data) / TRUTH_FOLDER / f"{recording}.npz"


def save_truth(truth: Truth, data: Path, recording: str) -> Path:
    """Write the truth of one recording.

    Parameters
    ----------
    truth : Truth
        Latents are written in single precision.
    data : Path
        Folder of the recordings; its folder `truth` is made where it is missing.
    recording : str
        Name of the recording.

    Returns
    -------
    Path
        The file.
    """
    content: dict[str, Any] = {
        "time_s": truth.time_s,
        "shared": truth.shared.astype(np.float32),
        "private": truth.private.astype(np.float32),
        "lag_s": truth.lag_s,
        "dimension": truth.dimension,
        "source_region": truth.source.region,
    }
    for role, region in (("source", truth.source), ("target", truth.target)):
        content[f"{role}_units"] = region.units
        if region.loadings is not None:
            content[f"{role}_loadings"] = region.loadings
    content["names"] = np.array(truth.names)
    if truth.transferred is not None:
        content |= {"regime": truth.regime, "transferred": truth.transferred.astype(np.float32)}
    path = truth_path(data, recording)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as handle:
        np.savez_compressed(handle, **content)
    return path


def load_truth(path: Path) -> Truth:
    """Read what `save_truth` wrote.

    Parameters
    ----------
    path : Path
        The file; see `truth_path`.

    Returns
    -------
    Truth
        Latents in single precision.

    Raises
    ------
    DataError
        Where the file cannot be read as the truth of a simulated recording.
    """
    try:
        with np.load(path, allow_pickle=False) as z:
            regions = [
                RegionTruth(
                    str(z["source_region"]) if role == "source" else TARGET_REGION,
                    z[f"{role}_units"],
                    z[f"{role}_loadings"] if f"{role}_loadings" in z.files else None,
                )
                for role in ("source", "target")
            ]
            return Truth(
                time_s=z["time_s"],
                shared=z["shared"],
                private=z["private"],
                lag_s=float(z["lag_s"]),
                dimension=int(z["dimension"]),
                source=regions[0],
                target=regions[1],
                names=tuple(map(str, z["names"])),
                regime=str(z["regime"]) if "regime" in z.files else LINEAR,
                transferred=z["transferred"] if "transferred" in z.files else None,
            )
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as the truth of a simulated recording: {error}") from None


def load_truths(data: Path, recordings: Iterable[str]) -> dict[str, Truth]:
    """The truth of those recordings that have one.

    Parameters
    ----------
    data : Path
        Folder of the recordings.
    recordings : iterable of str
        Names of recordings.

    Returns
    -------
    dict of str to Truth
        By recording; empty for recordings that are not simulated.

    Raises
    ------
    DataError
        Where a file cannot be read.
    """
    paths = {name: truth_path(data, name) for name in recordings}
    return {name: load_truth(path) for name, path in paths.items() if path.is_file()}
