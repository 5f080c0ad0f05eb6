"""The command line, called in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spikebridge import cli

Run = Callable[..., tuple[int, str, str]]
"""Arguments -> exit code, stdout, stderr."""
PARAMS = """# our settings
seed: 1
data:
  path: data/simulated  # where it is
  source: [HC]
  target: [PFC]
bins: {width_s: 0.25}
models: {seq2seq: {}, ridge: {}, random_forest: {}, dnn: {}, majority: {}}
split: {by: block, n_outer_folds: 2}
"""


def called(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            cli.main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call
