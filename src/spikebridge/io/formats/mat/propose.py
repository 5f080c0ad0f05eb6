"""Parts of the MATLAB reader: which options a file seems to ask for, by the names and sizes in it. A proposal only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import yaml

from spikebridge.io.choose import REGION_COLUMNS
from spikebridge.io.formats.mat.nodes import Cell, Node, Struct, is_vector
from spikebridge.io.formats.mat.paths import walk_paths

SPIKES = re.compile(r"spike|spk|(^|_)times?$|^ts$|^st$")
FLAT_TIMES = re.compile(r"^(spike|spk)?_?(times?|ts|samples?)$|spike")
FLAT_UNITS = re.compile(r"clu|unit|cell|neuron|^ids?$")
UNIT_ID = re.compile(r"^(unit|neuron|cell|clu(ster)?)?_?ids?$|^uid$|^units?$")
REGION = re.compile(r"region|area|location|acronym|structure")
START, STOP = re.compile(r"start|begin|onset"), re.compile(r"stop|end|offset|finish")
CLOCK = re.compile(r"^(t|ts|times?|timestamps?)(_s|_ms)?$")
ANIMAL = re.compile(r"^(animal|subject|mouse|rat)(_?(id|name))?$")

Columns = dict[str, int]
"""Path -> rows."""


def propose_options(variables: Mapping[str, Node]) -> dict[str, Any]:
    """Propose `data.options` of the reader `matlab`, by the names and sizes in a file.

    Parameters
    ----------
    variables : Mapping[str, Node]
        What `load_mat` returns.

    Returns
    -------
    dict[str, Any]
        Options as far as they are recognised; empty where not even spikes are.
    """
    nodes = dict(walk_paths(variables))
    columns = {p: n for p, node in nodes.items() if (n := _rows(node)) > 0}
    options: dict[str, Any] = _known_sorters(nodes, columns)
    n_units = 0 if options else _spikes(nodes, columns, options)
    taken = set(map(str, options.values()))
    trials = _trials(columns)
    if options.get("spike_times") in columns and "unit_id" not in options:
        n_units = _n_ids(columns, columns[options["spike_times"]], taken | {*trials.values()})
    per_unit = {p: n for p, n in columns.items() if n == n_units and p not in taken}
    _propose_path(options, "unit_id", per_unit, UNIT_ID.search)
    _propose_path(options, "region", per_unit, lambda name: name in REGION_COLUMNS or REGION.search(name))
    options |= {"trials": trials} if trials else {}
    arrays = {p: node for p, node in nodes.items() if isinstance(node, np.ndarray) and node.dtype.kind in "biuf"}
    clocks = {p: n for p, n in columns.items() if p in arrays and CLOCK.search(_name(p))}
    rows = {p: columns.get(p) or len(array) for p, array in arrays.items() if array.ndim == 2}
    behavior = _behavior(clocks, rows, taken | {*trials.values()})
    options |= {"behavior": behavior} if behavior else {}
    texts = {p: 1 for p, node in nodes.items() if isinstance(node, str) and node}
    _propose_path(options, "animal", texts, ANIMAL.search)
    return options


def _known_sorters(nodes: Mapping[str, Node], columns: Columns) -> dict[str, Any]:
    """Of wave_clus: cluster_class, class and ms of each spike. Of UltraMegaSort: unwrapped_times, since spiketimes
    count from the start of each trial, and labels, the number of each cluster and what it was judged to be (2: a good
    unit).
    """
    if _n_columns(nodes.get("cluster_class")) == 2:
        return {"spike_times": "cluster_class(:,2)", "spike_units": "cluster_class(:,1)", "time_unit": "ms"}
    place = next((p.rpartition(".")[0] for p in columns if _name(p) == "unwrapped_times"), None)
    if place is None or f"{place}.assigns" not in columns:
        return {}
    options: dict[str, Any] = {"spike_times": f"{place}.unwrapped_times", "spike_units": f"{place}.assigns"}
    if _n_columns(nodes.get(f"{place}.labels")) == 2:
        options |= {"unit_id": f"{place}.labels(:,1)", "units": {"ums_label": f"{place}.labels(:,2)"}}
    return options


def _n_columns(node: Node) -> int:
    return int(node.shape[1]) if isinstance(node, np.ndarray) and node.ndim == 2 else 0


def options_yaml(options: Mapping[str, Any]) -> str:
    """The block for params.yaml."""
    block = {"data": {"reader": "matlab", "options": dict(options)}}
    return yaml.safe_dump(block, sort_keys=False, allow_unicode=True, width=110)


def _name(path: str) -> str:
    return path.rpartition(".")[2].lower()


def _rows(node: Node) -> int:
    """Length of what could be a column: a vector, texts, scalars."""
    if isinstance(node, np.ndarray):
        return int(node.size) if is_vector(node) and node.dtype.kind in "biuf" else 0
    if isinstance(node, Cell) and all(isinstance(i, str) or np.size(i) <= 1 for i in node.items if not _is_nested(i)):
        return 0 if any(map(_is_nested, node.items)) else len(node.items)
    return 0


def _is_nested(node: Node) -> bool:
    return isinstance(node, (Cell, Struct))


def _propose_path(options: dict[str, Any], key: str, columns: Mapping[str, int], fits: Callable[[str], Any]) -> None:
    path = next((p for p in columns if fits(_name(p))), None)
    if path is not None:
        options[key] = path


def _spikes(nodes: Mapping[str, Node], columns: Columns, options: dict[str, Any]) -> int:
    """Put in the spikes; the number of units, 0 where unknown."""
    lists = [p for p, node in nodes.items() if _is_trains(node) and SPIKES.search(_name(p))]
    best = next((p for p in lists if re.search("spike|spk", p.lower())), next(iter(lists), None))
    if best is not None:
        options["spikes"] = best
        return len(nodes[best].items)
    for times, n in columns.items():
        owner = next((p for p, m in columns.items() if m == n > 1 and p != times and FLAT_UNITS.search(_name(p))), None)
        if owner and FLAT_TIMES.search(_name(times)) and not FLAT_UNITS.search(_name(times)):
            options |= {"spike_times": times, "spike_units": owner}
            break
    return 0


def _n_ids(columns: Columns, n_spikes: int, taken: set[str]) -> int:
    """Length of a vector that seems to hold the id of each unit, where spikes lie in one vector; 0 without one."""
    ids = (n for p, n in columns.items() if UNIT_ID.search(_name(p)) and n != n_spikes and p not in taken)
    return next(ids, 0)


def _is_trains(node: Node) -> bool:
    items = node.items if isinstance(node, Cell) else ()
    vectors = [i for i in items if isinstance(i, np.ndarray) and is_vector(i)]
    return bool(items) and len(vectors) == len(items) and any(i.size > 1 for i in vectors)


def _trials(columns: Columns) -> dict[str, str]:
    """Columns beside each other of which one seems to hold starts and one of the same length stops."""
    for start, n in columns.items():
        beside = {p: m for p, m in columns.items() if p.rpartition(".")[0] == start.rpartition(".")[0] and m == n}
        stop = next((p for p in beside if STOP.search(_name(p)) and not START.search(_name(p))), None)
        if START.search(_name(start)) and stop:
            others = {p.rpartition(".")[2]: p for p in beside if p not in (start, stop)}
            return {"start_time": start, "stop_time": stop} | others
    return {}


def _behavior(clocks: Columns, rows: Columns, taken: set[str]) -> dict[str, dict[str, str]]:
    """Vectors, and matrices of as many rows, beside a vector called time."""
    series: dict[str, dict[str, str]] = {}
    for clock, n in clocks.items():
        if n > 1 and clock not in taken:
            place = clock.rpartition(".")[0]
            beside = [
                p for p, m in rows.items() if p.rpartition(".")[0] == place and m == n and p not in {clock, *taken}
            ]
            series |= {p.rpartition(".")[2]: {"time": clock, "value": p} for p in beside}
    return series
