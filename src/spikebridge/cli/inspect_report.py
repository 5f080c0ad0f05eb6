"""The printed report of `spikebridge inspect`, block by block."""
# ruff: noqa: T201  (a command line prints)

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from spikebridge.cli import output
from spikebridge.cli.output import Block
from spikebridge.errors.grouping import group_errors, group_warnings
from spikebridge.errors.messages import counted, listed
from spikebridge.inspection.records import (
    INCOMPLETE_PROPOSAL,
    UNREADABLE_RECORDINGS,
    ColumnSummary,
    DryRun,
    Inspection,
    RecordingSummary,
    RegionSummary,
    SeriesSummary,
    SpikeSummary,
    TableSummary,
)
from spikebridge.inspection.regions import FEW_SPIKES, MAX_CONTAMINATION

MAX_REGION_ROWS = 30
"""Regions that are printed; those of the proposal always are. The JSON document has all."""
MAX_ITEMS = 8
REGION_NOTE = (
    f"contaminated: units with refractory contamination above {MAX_CONTAMINATION:g}; rate change: last third of the "
    "observed time over the first, median unit"
)
OBSERVED_FROM = {
    "file": "as the file says",
    "units": "as the units say",
    "spikes": "first to last spike: the file does not say",
}
"""`SpikeSummary.observed_from` -> words; any other value is the name of an interval table."""


def print_report(inspection: Inspection) -> None:
    """Print everything; the proposed parameters come last, without a frame, so that they can be copied."""
    for block in blocks(inspection):
        output.print_block(block)
    output.print_heading("Proposed for params.yaml")
    print(inspection.proposed_yaml)


def blocks(inspection: Inspection) -> Iterator[Block]:
    """The recordings, their time, regions, tables, labels and behaviour, the warnings, and the dry run."""
    if len(inspection.recordings) == 1:
        yield from _recording(inspection.recordings[0])
    else:
        yield _overview(inspection)
    roles = {name: role for role in ("source", "target") for name in inspection.proposal.data[role]}
    yield _regions(inspection, roles)
    yield from (_table(table, inspection) for table in inspection.tables)
    yield from _label_candidates(inspection)
    yield _behavior(inspection)
    yield from _warnings(inspection)
    yield _dry_run(inspection.dry_run)


def _recording(summary: RecordingSummary) -> Iterator[Block]:
    spikes = summary.spikes
    assert spikes is not None  # a single recording that cannot be read is an error
    known_to = f", times known to {1000 * spikes.resolution_s:.4g} ms" if spikes.resolution_s else ""
    lines = [
        f"{summary.source.format} (reader {summary.source.reader}), animal {summary.animal}",
        f"{spikes.count} spikes of {counted(summary.units, 'unit')}{known_to}",
    ]
    yield Block(summary.name, lines=lines)
    first_s, last_s = (spikes.observed[0][0], spikes.observed[-1][1]) if spikes.observed else (None, None)
    source = OBSERVED_FROM.get(spikes.observed_from, f"spikes exist only inside table {spikes.observed_from}")
    rows = [
        ["spikes", _seconds(spikes.first_s), _seconds(spikes.last_s), _span(spikes.duration_s)],
        ["observed", _seconds(first_s), _seconds(last_s), f"{_span(spikes.observed_s)} ({source})"],
    ]
    for table in summary.tables:
        rows.append([f"table {table.name}", _seconds(table.start_s), _seconds(table.stop_s), f"{table.rows} rows"])
    for series in summary.behavior:
        rows.append(
            [f"behaviour {series.name}", _seconds(series.start_s), _seconds(series.stop_s), f"{series.samples} samples"]
        )
    yield Block("Time, on the clock of the recording (s)", ("what", "from", "to", ""), rows, list(_gap_lines(spikes)))


def _gaps(spikes: SpikeSummary) -> list[tuple[float, float]]:
    """Intervals between the observed ones, seconds."""
    return [(a[1], b[0]) for a, b in zip(spikes.observed, spikes.observed[1:], strict=False)]


def _gap_lines(spikes: SpikeSummary) -> Iterator[str]:
    gaps, silent = _gaps(spikes), spikes.silent_intervals
    if gaps:
        lengths = sorted(b - a for a, b in gaps)
        ends = (f"{lengths[0]:.3g}", f"{lengths[-1]:.3g}")
        yield (
            f"gaps between observed intervals: {len(gaps)}, {ends[0] if ends[0] == ends[1] else ' to '.join(ends)} s "
            f"long; the first: {_first_intervals(gaps)}"
        )
    if silent:
        stretches = counted(len(silent), "observed stretch", "observed stretches")
        yield f"no unit fires in {stretches}: {_first_intervals(silent)}"
    if not gaps and not silent:
        yield "no gaps"


def _first_intervals(intervals: Sequence[tuple[float, float]]) -> str:
    return ", ".join(f"{a:.1f} to {b:.1f}" for a, b in intervals[:3])


def _overview(inspection: Inspection) -> Block:
    asked = {*inspection.proposal.data["source"], *inspection.proposal.data["target"]}
    rows = [_overview_row(summary, inspection, asked) for summary in inspection.recordings]
    unreadable = [(summary.name, summary.error) for summary in inspection.recordings if summary.error]
    errors = [line for text in group_errors(unreadable) for line in text.splitlines()]
    head = ("recording", "format", "animal", "from to (s)", "observed", "gaps", "trials", "units", "proposed regions")
    title = f"{inspection.path}: {counted(len(rows), 'recording')}"
    return Block(title, head, rows, errors, warn=bool(errors))


def _overview_row(summary: RecordingSummary, inspection: Inspection, asked: set[str]) -> list[str]:
    if summary.error or summary.spikes is None:
        return [summary.name, summary.source.format, *"––––––", "CANNOT BE READ, see below"]
    regions = summary.regions.get(inspection.proposal.region_column.get(summary.name, ""), ())
    trials = [str(t.rows) for t in summary.tables if t.name == inspection.proposal.trials["table"]]
    return [
        summary.name,
        summary.source.format,
        summary.animal,
        f"{_seconds(summary.spikes.first_s)} to {_seconds(summary.spikes.last_s)}",
        _span(summary.spikes.observed_s),
        _gaps_cell(summary.spikes),
        trials[0] if trials else "–",
        str(summary.units),
        ", ".join(f"{r.name} {r.units}" for r in sorted(regions, key=lambda r: r.name) if r.name in asked) or "none",
    ]


def _gaps_cell(spikes: SpikeSummary) -> str:
    """Number and longest of the gaps, and of the observed intervals in which no unit fires."""
    texts = [
        f"{len(intervals)}{kind}, up to {max(b - a for a, b in intervals):.3g} s"
        for kind, intervals in (("", _gaps(spikes)), (" silent", spikes.silent_intervals))
        if intervals
    ]
    return "; ".join(texts) or "none"


def _regions(inspection: Inspection, roles: Mapping[str, str]) -> Block:
    columns = sorted(set(inspection.proposal.region_column.values()))
    shown = [r for i, r in enumerate(inspection.regions) if i < MAX_REGION_ROWS or r.name in roles]
    n_hidden = len(inspection.regions) - len(shown)
    lines = [f"and {counted(n_hidden, 'smaller region')}"] if n_hidden else []
    if shown:
        lines.append(REGION_NOTE)
    if len(inspection.recordings) == 1:
        for column, regions in inspection.recordings[0].regions.items():
            if column not in columns:
                lines.append(f"also in {column}: {listed((f'{r.name} {r.units}' for r in regions), MAX_ITEMS)}")
    few_spikes = f"< {FEW_SPIKES} spikes"
    head = ("region", "role", "units", "rate 25 %", "median", "75 % (Hz)", "contaminated", few_spikes, "rate change")
    title = f"Regions ({listed(columns)})" if columns else "Regions: none known"
    return Block(title, head if shown else (), [_region_row(r, roles) for r in shown], lines)


def _region_row(region: RegionSummary, roles: Mapping[str, str]) -> list[str]:
    return [
        region.name if region.name and region.name.strip() == region.name else repr(region.name),
        roles.get(region.name, ""),
        str(region.units),
        *(_number(rate) for rate in region.rate_hz),
        "cannot tell" if region.contaminated is None else str(region.contaminated),
        str(region.few_spikes),
        _number(region.rate_change),
    ]


def _table(table: TableSummary, inspection: Inspection) -> Block:
    trials = inspection.proposal.trials
    uses: dict[str, str] = {}
    if table.name == trials["table"]:
        uses = {trials[key]: key for key in ("decision", "align")}
        uses |= dict.fromkeys(_columns_of_label(table, trials["label"]), "label")
    rows = [[c.name, c.kind, _values(c), str(c.missing or ""), uses.get(c.name, "")] for c in table.columns]
    head = ("column", "kind", "holds", "missing", "proposed as")
    return Block(f"Interval table {table.name} ({table.rows} rows)", head, rows)


def _columns_of_label(table: TableSummary, label: str | Mapping[str, str]) -> tuple[str, ...]:
    """The columns that the proposed label uses; a proposal may leave out rare classes of a candidate."""
    for candidate in table.label_candidates:
        both_made = not isinstance(label, str) and not isinstance(candidate.label, str)
        if candidate.label == label or (both_made and set(label) <= set(candidate.label)):
            return candidate.columns
    return (label,) if isinstance(label, str) else ()


def _values(column: ColumnSummary) -> str:
    if column.classes and (column.low is None or len(column.classes) <= MAX_ITEMS):
        return listed((f"{name}: {n}" for name, n in column.classes.items()), MAX_ITEMS)
    if column.low is not None and column.high is not None:
        return f"{column.low:.6g} to {column.high:.6g}"
    return counted(column.distinct, "value")


def _label_candidates(inspection: Inspection) -> Iterator[Block]:
    """Possible labels with their classes, and possible times to align to; nothing without a trial table."""
    table = next((t for t in inspection.tables if t.name == inspection.proposal.trials["table"]), None)
    if table is None:
        return
    rows = [
        [_label_text(candidate.label), listed((f"{name}: {n}" for name, n in candidate.classes.items()), MAX_ITEMS)]
        for candidate in table.label_candidates
    ]
    lines = [] if rows else ["none: a label is a column with 2 to 20 values, no times"]
    lines.append("times to align to: " + listed(table.align_columns, MAX_ITEMS))
    yield Block("Label candidates, best first", ("label", "trials of each class") if rows else (), rows, lines)


def _label_text(label: str | Mapping[str, str]) -> str:
    return label if isinstance(label, str) else "{" + ", ".join(f"{name}: {text}" for name, text in label.items()) + "}"


def _behavior(inspection: Inspection) -> Block:
    by_name: dict[str, list[SeriesSummary]] = {}
    for summary in inspection.recordings:
        for series in summary.behavior:
            by_name.setdefault(series.name, []).append(series)
    if not by_name:
        return Block("Behaviour", lines=["none"])
    head = ("series", "samples", "rate (Hz)", "values", "missing", "recordings")
    return Block("Behaviour", head, [_series_row(name, several) for name, several in by_name.items()])


def _series_row(name: str, several: Sequence[SeriesSummary]) -> list[str]:
    """One series over all recordings that have it."""
    lows, highs = [s.low for s in several if s.low is not None], [s.high for s in several if s.high is not None]
    return [
        name,
        str(sum(s.samples for s in several)),
        ", ".join(sorted({_number(s.rate_hz) for s in several})),
        f"{min(lows):.4g} to {max(highs):.4g}" if lows and highs else "none",
        str(sum(s.missing for s in several) or ""),
        str(len(several)),
    ]


def _warnings(inspection: Inspection) -> Iterator[Block]:
    lines = [str(finding) for finding in inspection.warnings]
    read = [summary for summary in inspection.recordings if not summary.error]
    if len(inspection.recordings) == 1:
        lines = [*map(str, read[0].warnings), *lines]
    else:
        lines += group_warnings([(summary.name, f) for summary in read for f in summary.warnings], len(read))
    if lines:
        yield Block("Warnings", lines=[f"- {line}" for line in lines], warn=True)


def _dry_run(result: DryRun) -> Block:
    if result.runs:
        return Block("The block below was run on these recordings", lines=list(_used(result)))
    title = "The block below does not run yet"
    unreadable = [str(p) for p in result.problems if p.code == UNREADABLE_RECORDINGS]
    incomplete = [str(p) for p in result.problems if p.code == INCOMPLETE_PROPOSAL]
    kinds = (UNREADABLE_RECORDINGS, INCOMPLETE_PROPOSAL)
    refused = [line for p in result.problems if p.code not in kinds for line in str(p).splitlines()]
    if unreadable:
        others = [f"the others alone: {line}" for line in _used(result)] if result.trials_used else []
        return Block(title, lines=[*unreadable, *others, *incomplete, *refused], warn=True)
    lines = ["it is not complete:", *incomplete] if incomplete else []
    if refused:
        lines.append(f"{result.stages[-1]} refuses it:" if result.stages else "ingest would refuse what is there:")
    return Block(title, lines=[*lines, *refused], warn=True)


def _used(result: DryRun) -> Iterator[str]:
    """The stages that accept the proposal, and the trials and units that they use."""
    yield f"{listed(result.stages)} accept it" + ("" if "split" in result.stages else " (too many spikes to run more)")
    used, total = (sum(counts[i] for counts in result.trials_used.values()) for i in (0, 1))
    classes = ", ".join(f"{name}: {n}" for name, n in result.class_counts.items())
    yield f"{used} of {total} trials ({classes})"
    for role, (n_used, n_units) in result.units_used.items():
        yield f"{n_used} of {counted(n_units, f'{role} unit')} pass the quality limits"
    yield from result.filters


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _span(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:.3g} s" if seconds < 100 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 36000 else f"{seconds / 3600:.1f} h"


def _number(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.3g}"
