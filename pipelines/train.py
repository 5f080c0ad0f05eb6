"""Stage train@<model>: refit every outer fold, predict what it never saw, and fit once on everything."""

from spikebridge import config, tracking
from spikebridge.artifacts.splits import SPLITS_FILE
from spikebridge.artifacts.training import TRAINING_FOLDER
from spikebridge.artifacts.tuning import TUNING_FOLDER, TuningRun
from spikebridge.artifacts.windows import WINDOWS_FOLDER
from spikebridge.fitting import training
from spikebridge.runtime import parallel
from spikebridge.runtime.stage import output, stage_main


def run(arguments: list[str]) -> None:
    (model,) = arguments
    settings = config.load()
    parallel.prepare(parallel.workers_for(settings.compute, settings.split.n_outer_folds + 1))
    tuned = TuningRun(TUNING_FOLDER / model).best
    with tracking.live(settings, model) as on_epoch, output(TRAINING_FOLDER / model) as folder:
        places = WINDOWS_FOLDER, SPLITS_FILE, tuned, folder
        training.train(model, settings.seed, settings.baseline, settings.compute, *places, on_epoch)


if __name__ == "__main__":
    stage_main(run)
