"""Stage nested_models: decisions and target spikes predicted without spikes, with them, and with latents."""

from spikebridge import config, nested_models
from spikebridge.artifacts.nested_models import NESTED_MODELS_FOLDER
from spikebridge.artifacts.splits import SPLITS_FILE
from spikebridge.artifacts.training import TRAINING_FOLDER
from spikebridge.artifacts.windows import WINDOWS_FOLDER
from spikebridge.runtime.stage import output, stage_main


def run(_: list[str]) -> None:
    with output(NESTED_MODELS_FOLDER) as folder:
        sections = nested_models.NestedModelsSections.of(config.load())
        nested_models.fit_nested_models(sections, WINDOWS_FOLDER, SPLITS_FILE, TRAINING_FOLDER, folder)


if __name__ == "__main__":
    stage_main(run)
