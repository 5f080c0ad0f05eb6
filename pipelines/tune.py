"""Stage tune@<model>: Optuna inside every outer fold."""

from pathlib import Path

from spikebridge import config
from spikebridge.fitting import tuning
from spikebridge.runtime.stage import output, stage_main


def run(arguments: list[str]) -> None:
    (model,) = arguments
    work = Path("runs/work/tune") / model
    with output(Path("runs/tune") / model) as folder:
        sections = tuning.TuningSections.of(config.load())
        tuning.tune(sections, model, Path("data/windows"), Path("data/splits.json"), work, folder)


if __name__ == "__main__":
    stage_main(run)
