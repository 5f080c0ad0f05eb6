"""One thread within a block, and as many as before after it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def single_thread() -> Iterator[None]:
    """Run linear algebra and torch on one thread of this process; unlike `one_thread`, leave nothing changed.

    With the default number of threads, which wait for each other, a small network is several times slower.
    torch is limited only where it is loaded already: load the model first.

    Yields
    ------
    None
        The block runs on one thread.
    """
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else 1
    with threadpool_limits(limits=1):
        if torch is not None:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if torch is not None:
                torch.set_num_threads(before)
