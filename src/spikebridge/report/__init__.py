"""The report: self-contained pages on what a project's recordings show, made from the tables of evaluate.

`write_report` writes a group page and one page per recording, and the methods as Markdown and LaTeX.
"""

from spikebridge.report.pages import write_report
from spikebridge.report.study import ReportSections

__all__ = ["ReportSections", "write_report"]
