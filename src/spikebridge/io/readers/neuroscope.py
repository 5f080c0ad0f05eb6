"""NeuroScope / Klusters: a session's folder with pairs base.res.N and base.clu.N, one a shank, and base.xml.

The layout of the CRCNS sets hc-2, hc-3, hc-11, pfc-2 and others. base.res.N holds one sample number a line; base.clu.N
the number of clusters, then one cluster a line. Times are samples over the samplingRate of the acquisitionSystem.

Read without SpikeInterface, whose extractor renumbers the clusters, leaves out cluster 0, and refuses files whose first
line does not count the clusters exactly.

Units are counted from 0 by shank and cluster; `name` is shank2_cluster5, with columns `shank` and `cluster`. By
convention cluster 0 holds artefacts and cluster 1 what could not be sorted: their `quality` is "noise", and they stay.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import Positive, Section
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.contents import Contents
from spikebridge.io.formats import concatenate_trains, raise_errors, write_sidecars
from spikebridge.io.formats.sorting import (
    SortedUnits,
    agreed_sampling_rate,
    cluster_groups,
    detect_reader,
    is_output_of,
    join_sidecars,
    to_samples,
    units_of_clusters,
)
from spikebridge.io.formats.sorting.detection import is_copy, res_clu_pairs, sidecar_files, visible_files
from spikebridge.types import Recording

FORMAT = "NeuroScope .res/.clu files in a folder"
NOISE = (0, 1)


class Options(Section):
    sampling_rate_hz: Positive | None = None
    shank_regions: dict[int, str] = {}


def can_read(path: Path) -> bool:
    return detect_reader(path) == "neuroscope"


def takes(path: Path) -> bool:
    return is_output_of(path, "neuroscope")


def files_of(path: Path) -> list[Path]:
    """Without the raw recording, waveforms and features."""
    pairs = [p for shanks in res_clu_pairs(path).values() for pair in shanks.values() for p in pair.values()]
    return pairs + [p for p in visible_files(path) if p.suffix == ".xml"] + sidecar_files(path)


def read(path: Path, options: Options) -> Contents:
    """Read one session. Raises DataError naming everything that is wrong in it."""
    notes: list[Finding] = []
    base, shanks = _session(path, notes)
    wrong: list[Finding] = []
    read_shanks = {n: _shank(pair, wrong) for n, pair in shanks.items()}
    raise_errors(path, wrong)
    xml = _xml(path, base)
    rate = agreed_sampling_rate(path, {xml.name if xml else f"{base}.xml": _rate_in(xml)}, options.sampling_rate_hz)
    in_seconds = {n: (clusters, samples / rate) for n, (samples, clusters) in read_shanks.items()}
    units, trains = units_of_clusters(in_seconds, ("shank", "cluster"), "shank{}_cluster{}", NOISE)
    if not trains:
        raise DataError.of("neuroscope-no-spikes", path, f"expected spikes, found none in {len(shanks)} shanks")
    output = SortedUnits(
        units,
        concatenate_trains(units["unit"].to_numpy(), trains),
        (*notes, *_notes(units[units["quality"] == "noise"], trains)),
        regions_by=("shank", "shank_regions", options.shank_regions),
    )
    return join_sidecars(path, output, path.name)


def write(recording: Recording, folder: Path) -> Path:
    """Write one shank for every run of units of one region, clusters from 2, and units.csv by name.

    Raises DataError for times off a clock.
    """
    samples, rate = to_samples(recording)
    path = Path(folder) / recording.name
    path.mkdir(parents=True, exist_ok=True)
    numbers, shanks = cluster_groups(recording, samples, first_cluster=len(NOISE))
    for shank in shanks:
        np.savetxt(path / f"{recording.name}.res.{shank.number}", shank.samples, fmt="%d")
        np.savetxt(path / f"{recording.name}.clu.{shank.number}", np.r_[shank.n_clusters, shank.clusters], fmt="%d")
    rate_text = f"<acquisitionSystem><samplingRate>{rate:g}</samplingRate></acquisitionSystem>"
    (path / f"{recording.name}.xml").write_text(f"<parameters>{rate_text}</parameters>\n", encoding="utf-8")
    write_sidecars(recording, path, unit_names=[f"shank{s}_cluster{c}" for s, c in numbers])
    return path


def _session(path: Path, notes: list[Finding]) -> tuple[str, dict[int, dict[str, Path]]]:
    """The base of the session and its shanks, without what programs and people left there (base.temp.clu.1), noted.

    Raises DataError where files of several sessions are left.
    """
    bases = res_clu_pairs(path)
    whole = [b for b, shanks in bases.items() if any(len(pair) == 2 for pair in shanks.values())]
    left = [b for b in bases if (whole and b not in whole) or any(_is_leftover(b, other) for other in whole)]
    for base in left:
        names = [p.name for pair in bases[base].values() for p in pair.values()]
        text = f"passed over, since their .res or .clu is not there or they are copies: {listed(names, 5)}"
        notes.append(Finding.warning("leftover-res-clu", base, text))
    bases = {b: shanks for b, shanks in bases.items() if b not in left}
    if len(bases) != 1:
        raise DataError.of(
            "neuroscope-several-sessions",
            path,
            f"expected .res.N and .clu.N of one session, found those of {listed(bases)}",
        )
    base, shanks = next(iter(bases.items()))
    alone = [pair["clu"].name for pair in shanks.values() if set(pair) == {"clu"}]
    if alone and base in whole:
        text = f"passed over, since there is no .res with the times of the spikes: {listed(alone, 5)}"
        notes.append(Finding.warning("clu-without-res", base, text))
        shanks = {n: pair for n, pair in shanks.items() if set(pair) != {"clu"}}
    return base, shanks


def _is_leftover(base: str, session: str) -> bool:
    """Whether a base is a session's with the word of a copy behind it: day1.temp, day1_old."""
    return base != session and base.startswith(session) and is_copy(Path(f"{base}.clu"))


def _shank(pair: dict[str, Path], wrong: list[Finding]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Samples (spike,) and clusters (spike,) of one shank, in the order of the files."""
    nothing = np.empty(0), np.empty(0, dtype=np.int64)
    if len(pair) != 2:
        (file,) = pair.values()
        other = ".clu." if ".res." in file.name else ".res."
        wrong.append(
            Finding.error(
                "neuroscope-file-without-partner", file.name, f"{file.name} has no {other}{file.suffix[1:]} beside it"
            )
        )
        return nothing
    samples, clusters = _column(pair["res"], wrong), _column(pair["clu"], wrong)
    if samples is None or clusters is None:
        return nothing
    if len(clusters) != len(samples) + 1:
        wrong.append(
            Finding.error(
                "neuroscope-lines-differ-in-number",
                pair["clu"].name,
                f"{pair['clu'].name}: expected the number of clusters and {len(samples)} lines, one for each of "
                f"{pair['res'].name}; got {len(clusters)} lines",
            )
        )
        return nothing
    if not np.isfinite(clusters).all() or (clusters != np.rint(clusters)).any():
        wrong.append(
            Finding.error(
                "neuroscope-clusters-not-whole", pair["clu"].name, f"{pair['clu'].name}: expected whole numbers"
            )
        )
        return nothing
    return samples, clusters[1:].astype(np.int64)


def _column(file: Path, wrong: list[Finding]) -> NDArray[np.float64] | None:
    """The numbers of a file, one a line."""
    if file.stat().st_size == 0:
        return np.empty(0)
    try:
        frame = pd.read_csv(file, header=None, dtype=np.float64)
    except (OSError, ValueError) as error:
        wrong.append(
            Finding.error("neuroscope-column-not-read", file.name, f"{file.name}: expected one number a line ({error})")
        )
        return None
    if frame.shape[1] != 1:
        wrong.append(
            Finding.error(
                "neuroscope-several-numbers-a-line",
                file.name,
                f"{file.name}: expected one number a line, got {frame.shape[1]}",
            )
        )
        return None
    return frame[0].to_numpy()


def _notes(noise: pd.DataFrame, trains: list[NDArray[np.float64]]) -> list[Finding]:
    if not len(noise):
        return []
    spikes = sum(len(trains[u]) for u in noise["unit"])
    text = f"{len(noise)} clusters 0 and 1 with {spikes} spikes are artefacts or unsorted: their quality is noise"
    return [Finding.warning("clusters-of-noise", "clusters 0 and 1", text)]


def _xml(path: Path, base: str) -> Path | None:
    """base.xml, else the only .xml of the folder."""
    files = [p for p in visible_files(path) if p.suffix == ".xml"]
    own = [p for p in files if p.stem == base]
    return own[0] if own else files[0] if len(files) == 1 else None


def _rate_in(xml: Path | None) -> float | None:
    if xml is None:
        return None
    try:
        text = ElementTree.parse(xml).getroot().findtext(".//acquisitionSystem/samplingRate")
        return None if text is None else float(text)
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise DataError.of(
            "neuroscope-sampling-rate-missing", xml, f"expected a sampling rate in NeuroScope's XML ({error})"
        ) from None
