"""MATLAB files of version 5 to 7.3: values in MATLAB's structure, paths, and conversion to tables."""

from spikebridge.io.formats.mat.files import is_mat, load_mat, mat_arrays, mat_version, variable_classes
from spikebridge.io.formats.mat.nodes import Cell, Opaque, Struct
from spikebridge.io.formats.mat.paths import list_contents
from spikebridge.io.formats.mat.propose import propose_options
from spikebridge.io.formats.mat.values import save_mat

__all__ = [
    "Cell",
    "Opaque",
    "Struct",
    "is_mat",
    "list_contents",
    "load_mat",
    "mat_arrays",
    "mat_version",
    "propose_options",
    "save_mat",
    "variable_classes",
]
