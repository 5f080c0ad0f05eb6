"""Nothing draws from, or sets, a global random state: every draw has its generator. Read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from import_graph import FILES, SCRIPTS, shown, tree

# Legacy numpy functions that draw from, or set, the global state; the rest of numpy.random makes generators.
GENERATORS = {"Generator", "default_rng", "SeedSequence", "BitGenerator", "PCG64", "Philox", "SFC64", "MT19937"}
TORCH_SEEDS = {"manual_seed", "manual_seed_all", "seed"}
TORCH_DRAWS = {"rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "poisson"}


@pytest.mark.parametrize("path", [*FILES, *SCRIPTS], ids=shown)
def test_no_global_random_state(path: Path) -> None:
    assert not global_randomness(tree(path))


def global_randomness(module: ast.Module) -> list[str]:
    """Calls that draw from or set a global random state. torch.manual_seed is allowed where fork_rng keeps it local."""
    forked = {
        inner
        for node in ast.walk(module)
        if isinstance(node, ast.With) and any("fork_rng" in ast.unparse(item.context_expr) for item in node.items)
        for inner in ast.walk(node)
    }
    uses = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import) and any(alias.name == "random" for alias in node.names):
            uses.append(f"line {node.lineno}: import random")
        if isinstance(node, ast.ImportFrom) and node.module in {"random", "numpy.random"}:
            names = {alias.name for alias in node.names} - (GENERATORS if node.module == "numpy.random" else set())
            uses += [f"line {node.lineno}: from {node.module} import {name}" for name in sorted(names)]
        if not isinstance(node, ast.Call) or node in forked:
            continue
        owner, _, last = ast.unparse(node.func).rpartition(".")
        legacy = owner in {"np.random", "numpy.random"} and last not in GENERATORS
        seeding = owner in {"torch", "torch.random", "torch.cuda"} and last in TORCH_SEEDS
        drawing = owner == "torch" and last in TORCH_DRAWS and not any(k.arg == "generator" for k in node.keywords)
        if legacy or seeding or drawing:
            uses.append(f"line {node.lineno}: {owner}.{last}")
    return uses


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        ("import numpy as np\nnp.random.seed(1)", True),
        ("import numpy as np\nnp.random.normal()", True),
        ("import numpy as np\nrng = np.random.default_rng([1, 2])", False),
        ("from numpy.random import shuffle", True),
        ("import random", True),
        ("import torch\ntorch.manual_seed(1)", True),
        ("import torch\nwith torch.random.fork_rng():\n    torch.manual_seed(1)", False),
        ("import torch\ntorch.randn(3)", True),
        ("import torch\ntorch.randn(3, generator=g)", False),
    ],
)
def test_the_random_state_check_sees(code: str, caught: bool) -> None:
    assert bool(global_randomness(ast.parse(code))) is caught
