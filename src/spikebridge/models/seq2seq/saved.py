"""The files of a saved translator, compared with its settings before any of their numbers is used."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spikebridge.artifacts.json_files import read_strict_json
from spikebridge.errors import DataError
from spikebridge.models.parts.forest import read_forest
from spikebridge.models.parts.readout import Readout
from spikebridge.models.parts.saved_arrays import (
    Expected,
    check_arrays,
    check_positive,
    float64_arrays,
    load_arrays,
    module_arrays,
    shapes_only,
    with_prefix,
)
from spikebridge.models.seq2seq.decision_readout import Decoder, n_tree_features
from spikebridge.models.seq2seq.network import Network
from spikebridge.models.seq2seq.translator import Translator

LAYOUT, WEIGHTS, TREES = "layout.json", "weights.safetensors", "trees.safetensors"
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Layout:
    """recordings: in the order of the network. trees: the recordings with a forest."""

    recordings: list[str]
    trees: list[str]

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(vars(self)), encoding="utf-8")


def read_layout(path: Path, known: Collection[str]) -> Layout:
    """The checked content of layout.json. known: the recordings of model.json. Raises DataError."""
    content = read_strict_json(path)
    order, trees = (content.get(name) for name in ("recordings", "trees"))
    named = isinstance(order, list) and all(isinstance(name, str) for name in order) and sorted(order) == sorted(known)
    if content.keys() != set(Layout.__dataclass_fields__) or not named:
        raise DataError(f"{path}: expected trees, and recordings, those of model.json in some order")
    if not isinstance(trees, list) or not all(isinstance(name, str) and name in known for name in trees):
        raise DataError(f"{path}: expected trees as recordings of model.json, got {str(trees)[:80]}")
    return Layout(order or [], trees)


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
        if not with_prefix(arrays, f"readout.{i}."):
            return {}
        n = self.params.n_latents * self.n_bins + self.additional[recording]
        shapes = {"mean": (n,), "scale": (), "weights": (n, self.n_classes), "bias": (self.n_classes,)}
        expected = {f"readout.{i}.{name}": shape for name, shape in shapes.items()}
        expected[f"modes.{i}"] = (self.params.n_latents, self._n_modes(i, arrays))
        return float64_arrays(**expected)

    def _n_modes(self, i: int, arrays: Arrays) -> int:
        """As many as the array has, where it is a table of no more modes than latents."""
        shape = np.shape(arrays.get(f"modes.{i}", np.empty(())))
        return shape[1] if len(shape) == 2 and shape[1] <= self.params.n_latents else 0

    def decoders(self, arrays: Arrays) -> dict[str, Decoder]:
        """The decoders by recording. arrays: checked ones of weights.safetensors. See `read_forest`."""
        path, decoders = self.folder / TREES, {}
        trees = load_arrays(path) if self.layout.trees else {}
        for i, name in enumerate(self.sizes):
            readout = with_prefix(arrays, f"readout.{i}.")
            if not readout:
                continue
            modes, forest = arrays[f"modes.{i}"], None
            if name in self.layout.trees:
                n_features = n_tree_features(modes.shape[1], self.n_bins, self.additional[name])
                forest = read_forest(path, name, with_prefix(trees, f"{i}."), n_features, self.n_classes)
                trees = {k: a for k, a in trees.items() if not k.startswith(f"{i}.")}
            decoders[name] = Decoder(modes, Readout(**readout), forest)
        check_arrays(path, trees, {})
        return decoders


def fill(translator: Translator, arrays: Arrays) -> None:
    """Set weights, scales and maps of a built translator from checked arrays."""

    def tensors(prefix: str) -> dict[str, torch.Tensor]:
        return {k: torch.from_numpy(v).to(translator.device) for k, v in with_prefix(arrays, prefix).items()}

    translator.networks.load_state_dict(tensors("network."))
    translator.scale, maps = tensors("scale."), tensors("map.")
    translator.maps = [maps[str(m)] for m in range(len(maps))]
