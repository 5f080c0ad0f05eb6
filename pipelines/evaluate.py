"""Stage evaluate: leakage check, scores, comparisons and nulls of all models, and the tables for figures."""

from pathlib import Path

from spikebridge import config, evaluation
from spikebridge.artifacts.evaluation import EVALUATION_FOLDER
from spikebridge.artifacts.latent_analysis import LATENT_ANALYSIS_FOLDER
from spikebridge.artifacts.nested_models import NESTED_MODELS_FOLDER
from spikebridge.artifacts.recordings import INGESTED_FOLDER
from spikebridge.artifacts.splits import SPLITS_FILE
from spikebridge.artifacts.training import TRAINING_FOLDER
from spikebridge.artifacts.windows import WINDOWS_FOLDER
from spikebridge.runtime.stage import output, stage_main


def run(_: list[str]) -> None:
    settings = config.load()
    with output(EVALUATION_FOLDER) as folder:
        places = WINDOWS_FOLDER, SPLITS_FILE, TRAINING_FOLDER, Path(settings.data.path)
        sections = evaluation.EvaluationSections.of(settings)
        others = LATENT_ANALYSIS_FOLDER, NESTED_MODELS_FOLDER, INGESTED_FOLDER
        evaluation.evaluate(sections, *places, folder, *others)


if __name__ == "__main__":
    stage_main(run)
