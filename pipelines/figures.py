"""Stage figures: the tables of the evaluation, drawn."""

from pathlib import Path

from spikebridge import figures
from spikebridge.runtime.stage import output, stage_main


def run(_: list[str]) -> None:
    with output(Path("reports/figures")) as folder:
        figures.draw_all(Path("reports/evaluation/tables"), folder)


if __name__ == "__main__":
    stage_main(run)
