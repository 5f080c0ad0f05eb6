"""`spikebridge report`: the pages of the last run, made from its results."""
# ruff: noqa: T201  (a command line prints)

from __future__ import annotations

import argparse
import webbrowser


def report(arguments: argparse.Namespace) -> None:
    """Write the pages into reports/report, print the path of the group page, and open it where that is asked for."""
    from spikebridge import config, tracking
    from spikebridge.artifacts.report import REPORT_FOLDER, ReportRun
    from spikebridge.report import ReportSections, write_report
    from spikebridge.report.study import Study
    from spikebridge.runtime.stage import LOCKS, lock, output
    from spikebridge.runtime.stage_times import read_seconds

    project = tracking.home()
    settings = ReportSections.of(config.load(project / "params.yaml"))
    Study(settings, project).check()
    with lock(project / LOCKS / "report.lock"), output(project / REPORT_FOLDER) as folder:
        write_report(settings, project, folder, read_seconds(project))
    page = ReportRun(project / REPORT_FOLDER).index
    print(page)
    if arguments.open:
        webbrowser.open(page.as_uri())
