"""Stage evaluate: leakage check, scores, comparisons and nulls of all models, and the tables for figures."""

from pathlib import Path

from spikebridge import config, evaluation
from spikebridge.runtime.stage import output, stage_main


def run(_: list[str]) -> None:
    settings = config.load()
    data = Path(settings.data.path)
    with output(Path("reports/evaluation")) as folder:
        places = Path("data/windows"), Path("data/splits.json"), Path("runs/train"), data
        sections = evaluation.EvaluationSections.of(settings)
        evaluation.evaluate(sections, *places, folder, Path("runs/analysis"), Path("runs/nested_models"))


if __name__ == "__main__":
    stage_main(run)
