"""Stage simulate: the embedded default recordings, with their truth beside them."""

from spikebridge import config, simulate
from spikebridge.artifacts.truth import SIMULATED_FOLDER
from spikebridge.runtime import parallel
from spikebridge.runtime.stage import output, stage_main


def run(_: list[str]) -> None:
    settings = config.load()
    with output(SIMULATED_FOLDER) as folder:
        workers = parallel.workers_for(settings.compute, settings.simulate.n_recordings)
        simulate.simulate(settings.simulate, settings.seed, folder, workers)


if __name__ == "__main__":
    stage_main(run)
