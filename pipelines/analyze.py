"""Stage analyze: the tuned translator refitted in several ways, and what its latents mean."""

from spikebridge import config, latent_analysis
from spikebridge.artifacts.latent_analysis import LATENT_ANALYSIS_FOLDER
from spikebridge.artifacts.splits import SPLITS_FILE
from spikebridge.artifacts.tuning import TUNING_FOLDER
from spikebridge.artifacts.windows import WINDOWS_FOLDER
from spikebridge.runtime.stage import output, say, stage_main


def run(_: list[str]) -> None:
    def note(row: dict[str, float]) -> None:
        if row["epoch"] == 0:
            say(f"analyze: fold {row['fold']}, fit {row['fit']}")

    with output(LATENT_ANALYSIS_FOLDER) as folder:
        sections = latent_analysis.AnalysisSections.of(config.load())
        latent_analysis.analyze(sections, WINDOWS_FOLDER, SPLITS_FILE, TUNING_FOLDER, folder, note)


if __name__ == "__main__":
    stage_main(run)
