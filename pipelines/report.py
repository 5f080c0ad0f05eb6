"""Stage report: the group page, a page per recording, and the methods, from the tables and figures."""

from pathlib import Path

from spikebridge import config, report
from spikebridge.artifacts.report import REPORT_FOLDER
from spikebridge.runtime.stage import output, stage_main
from spikebridge.runtime.stage_times import read_seconds


def run(_: list[str]) -> None:
    project = Path.cwd()
    with output(REPORT_FOLDER) as folder:
        report.write_report(report.ReportSections.of(config.load()), project, folder, read_seconds(project))


if __name__ == "__main__":
    stage_main(run)
