"""Stage figures: the tables of the evaluation, drawn."""

from spikebridge import figures
from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.artifacts.figures import FIGURES_FOLDER
from spikebridge.runtime.parallel import n_cores
from spikebridge.runtime.stage import output, stage_main


def run(_: list[str]) -> None:
    with output(FIGURES_FOLDER) as folder:
        figures.draw_all(EvaluationRun(EVALUATION_FOLDER).tables, folder, n_cores())


if __name__ == "__main__":
    stage_main(run)
