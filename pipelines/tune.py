"""Stage tune@<model>: Optuna inside every outer fold."""

from spikebridge import config
from spikebridge.artifacts.splits import SPLITS_FILE
from spikebridge.artifacts.tuning import TUNING_FOLDER, UNFINISHED_STUDIES_FOLDER
from spikebridge.artifacts.windows import WINDOWS_FOLDER
from spikebridge.fitting import tuning
from spikebridge.runtime.stage import output, stage_main


def run(arguments: list[str]) -> None:
    (model,) = arguments
    work = UNFINISHED_STUDIES_FOLDER / model
    with output(TUNING_FOLDER / model) as folder:
        sections = tuning.TuningSections.of(config.load())
        tuning.tune(sections, model, WINDOWS_FOLDER, SPLITS_FILE, work, folder)


if __name__ == "__main__":
    stage_main(run)
