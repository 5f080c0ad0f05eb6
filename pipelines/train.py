"""Stage train@<model>: refit every outer fold, predict what it never saw, and fit once on everything."""

from pathlib import Path

from spikebridge import config, tracking
from spikebridge.fitting import training
from spikebridge.runtime import parallel
from spikebridge.runtime.stage import output, stage_main


def run(arguments: list[str]) -> None:
    (model,) = arguments
    settings = config.load()
    parallel.prepare(parallel.n_workers(settings.compute, settings.split.n_outer_folds + 1))
    tuned = Path("runs/tune") / model / "best.json"
    with tracking.live(settings, model) as on_epoch, output(Path("runs/train") / model) as folder:
        places = Path("data/windows"), Path("data/splits.json"), tuned, folder
        training.train(model, settings.seed, settings.compute, *places, on_epoch)


if __name__ == "__main__":
    stage_main(run)
