"""Stage simulate: the embedded default recordings, with their truth beside them."""

from pathlib import Path

from spikebridge import config, simulate
from spikebridge.runtime.stage import output, stage_main


def run(_: list[str]) -> None:
    settings = config.load()
    with output(Path("data/simulated")) as folder:
        simulate.simulate(settings.simulate, settings.seed, folder)


if __name__ == "__main__":
    stage_main(run)
