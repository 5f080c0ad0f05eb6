"""Stage nested_models: decisions and target spikes predicted without spikes, with them, and with latents."""

from pathlib import Path

from spikebridge import config, nested_models
from spikebridge.runtime.stage import output, stage_main


def run(_: list[str]) -> None:
    with output(Path("runs/nested_models")) as folder:
        data = Path("data/windows"), Path("data/splits.json")
        sections = nested_models.NestedModelsSections.of(config.load())
        nested_models.fit_nested_models(sections, *data, Path("runs/train"), folder)


if __name__ == "__main__":
    stage_main(run)
