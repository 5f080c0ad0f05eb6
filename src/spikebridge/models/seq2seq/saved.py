"""The files of a saved translator, compared with its settings before any of their numbers is used."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from spikebridge.artifacts.json_files import read_strict_json
from spikebridge.errors import DataError
from spikebridge.models.parts.forest import Forest, read_forest
from spikebridge.models.parts.readout import SUMMARIES
from spikebridge.models.parts.saved_arrays import (
    Expected,
    check_arrays,
    check_positive,
    load_arrays,
    module_arrays,
    shapes_only,
    with_prefix,
)
from spikebridge.models.seq2seq.network import Network
from spikebridge.models.seq2seq.translator import Translator

LAYOUT, WEIGHTS, TREES = "layout.json", "weights.safetensors", "trees.safetensors"
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Layout:
    """recordings: in the order of the network. summary: a key of SUMMARIES. trees: the recordings with a forest."""

    recordings: list[str]
    summary: str
    trees: list[str]

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(vars(self)), encoding="utf-8")


def read_layout(path: Path, known: Collection[str]) -> Layout:
    """The checked content of layout.json. known: the recordings of model.json. Raises DataError."""
    content = read_strict_json(path)
    order, summary, trees = (content.get(name) for name in ("recordings", "summary", "trees"))
    named = isinstance(order, list) and all(isinstance(name, str) for name in order) and sorted(order) == sorted(known)
    if content.keys() != set(Layout.__dataclass_fields__) or not named:
        raise DataError(f"{path}: expected summary, trees, and recordings, those of model.json in some order")
    if not isinstance(trees, list) or not all(isinstance(name, str) and name in known for name in trees):
        raise DataError(f"{path}: expected trees as recordings of model.json, got {str(trees)[:80]}")
    if not isinstance(summary, str) or summary not in SUMMARIES:
        raise DataError(f"{path}: expected summary as one of {', '.join(SUMMARIES)}, got {str(summary)[:80]!r}")
    return Layout(order or [], summary, trees)


@dataclass(frozen=True)
class SavedTranslator:
    """What the folder of a translator has to contain.

    sizes: recording -> (source units, target units), in the order of the network. additional: recording -> number of
    features that its read-out has besides the latents.
    """

    folder: Path
    params: Any
    sizes: Mapping[str, tuple[int, int]]
    n_classes: int
    n_bins: int
    layout: Layout
    additional: Mapping[str, int]

    def check(self, arrays: Arrays) -> None:
        """Raises DataError where the arrays of weights.safetensors are not those of such a translator."""
        p, path = self.params, self.folder / WEIGHTS
        n_maps = len(with_prefix(arrays, "map."))
        maps = {f"map.{m}": ("float32", (p.n_latents + 1, p.n_latents)) for m in range(n_maps)}
        if len(maps) != p.n_members - 1:  # before so many networks are built
            raise DataError(f"{path}: expected {p.n_members - 1} maps between the networks, got {len(maps)}")
        expected: dict[str, tuple[str, tuple[int, ...]]] = {**maps}
        with shapes_only(path):
            networks = nn.ModuleList(
                Network(self.sizes, p.input_size, p.hidden_size, p.n_latents, p.core, p.causal)
                for _ in range(p.n_members)
            )
            expected |= module_arrays(networks, "network.")
        for i, (recording, (n_source, _)) in enumerate(self.sizes.items()):
            expected |= {f"scale.{i}.{name}": ("float32", (n_source,)) for name in ("mean", "std")}
            expected |= self._expected_of_readout(i, recording, arrays)
        check_arrays(path, arrays, expected)
        for i in range(len(self.sizes)):
            check_positive(path, arrays, f"scale.{i}.std")
            check_positive(path, arrays, *(n for n in (f"readout.{i}.scale",) if n in arrays))

    def _expected_of_readout(self, i: int, recording: str, arrays: Arrays) -> Expected:
        expected: dict[str, tuple[str, tuple[int, ...]]] = {}
        readout = with_prefix(arrays, f"readout.{i}.")
        if readout:
            latents = self.params.n_latents * (min(4, self.n_bins) if self.layout.summary == "parts" else 1)
            n = latents + self.additional[recording]
            shapes = {"mean": (n,), "scale": (), "weights": (n, self.n_classes), "bias": (self.n_classes,)}
            for name, shape in shapes.items():  # with labels of one class the mean keeps the precision of the latents
                dtype = str(readout[name].dtype) if name in readout else "float64"
                expected[f"readout.{i}.{name}"] = (dtype if dtype == "float32" else "float64", shape)
        return expected

    def forests(self) -> dict[str, Forest]:
        """The forests by recording; see `read_forest`."""
        path, forests = self.folder / TREES, {}
        arrays = load_arrays(path) if self.layout.trees else {}
        for i, name in enumerate(self.sizes):
            if name in self.layout.trees:
                n_features = self.params.n_latents + self.additional[name]
                forests[name] = read_forest(path, name, with_prefix(arrays, f"{i}."), n_features, self.n_classes)
                arrays = {k: a for k, a in arrays.items() if not k.startswith(f"{i}.")}
        check_arrays(path, arrays, {})
        return forests


def fill(translator: Translator, arrays: Arrays) -> None:
    """Set weights, scales and maps of a built translator from checked arrays."""

    def tensors(prefix: str) -> dict[str, torch.Tensor]:
        return {k: torch.from_numpy(v).to(translator.device) for k, v in with_prefix(arrays, prefix).items()}

    translator.networks.load_state_dict(tensors("network."))
    translator.scale, maps = tensors("scale."), tensors("map.")
    translator.maps = [maps[str(m)] for m in range(len(maps))]
