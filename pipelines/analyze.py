"""Stage analyze: the tuned translator refitted in several ways, and what its latents mean."""

from pathlib import Path

from spikebridge import config, latent_analysis
from spikebridge.runtime.stage import output, say, stage_main


def run(_: list[str]) -> None:
    def note(row: dict[str, float]) -> None:
        if row["epoch"] == 0:
            say(f"analyze: fold {row['fold']}, fit {row['fit']}")

    with output(Path("runs/analysis")) as folder:
        sections = latent_analysis.AnalysisSections.of(config.load())
        windows, splits = Path("data/windows"), Path("data/splits.json")
        latent_analysis.analyze(sections, windows, splits, Path("runs/tune"), folder, note)


if __name__ == "__main__":
    stage_main(run)
