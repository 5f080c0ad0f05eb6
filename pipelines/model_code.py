"""Stage model_code: which files of models/ each model runs, so that a change runs only the stages of that model."""

from pathlib import Path

from spikebridge import config
from spikebridge.runtime.source_code import MODEL_CODE, write_model_code
from spikebridge.runtime.stage import output, stage_main


def run(_: list[str]) -> None:
    with output(MODEL_CODE) as folder:
        write_model_code(config.load().models, Path("src/spikebridge"), folder)


if __name__ == "__main__":
    stage_main(run)
