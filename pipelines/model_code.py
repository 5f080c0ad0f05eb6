"""Stage model_code: the settings of all models are checked, and which code the stages of each model run is written.

A change of a model's files then runs only the stages of that model.
"""

from pathlib import Path

from spikebridge import config, models
from spikebridge.runtime.model_code import MODEL_CODE, write_model_code
from spikebridge.runtime.source_code import package_of
from spikebridge.runtime.stage import output, stage_main

SCRIPTS = {name: Path("pipelines") / f"{name}.py" for name in ("tune", "train")}
"""Of the stages that run once a model."""


def run(_: list[str]) -> None:
    with output(MODEL_CODE) as folder:
        settings = config.load()
        section = settings.models
        models.check_section(section)
        models.check_new_units(settings.split.by, section)
        write_model_code(section, package_of(Path()), folder, SCRIPTS)


if __name__ == "__main__":
    stage_main(run)
