"""What `spikebridge inspect` says, part by part."""
# ruff: noqa: T201  (printing is what a command line is for)

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from spikebridge.cli import drawing
from spikebridge.cli.drawing import Part
from spikebridge.cli.labels import candidates, label_columns
from spikebridge.errors.grouping import errors_together, warnings_together
from spikebridge.errors.messages import counted, listed
from spikebridge.inspection.records import (
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
"""Regions shown; those of the proposal always are. The JSON document has all."""
MAX_ITEMS = 8
REGION_COLUMNS_EXPLAINED = (
    f"contaminated: units with refractory contamination above {MAX_CONTAMINATION:g}; rate change: last third of the observed "
    "time over the first, median unit"
)


def show(found: Inspection) -> None:
    """Everything, the proposed block last."""
    for part in parts(found):
        drawing.draw(part)
    drawing.heading("Proposed for params.yaml")
    print(found.proposed_yaml)


def parts(found: Inspection) -> Iterator[Part]:
    """In the order in which a user asks: what is it, where, when, what is in it, what is wrong."""
    if len(found.recordings) == 1:
        yield from _recording(found.recordings[0], found)
    else:
        yield _overview(found)
    roles = _roles(found)
    yield _regions(found, roles)
    yield from (_table(table, found) for table in found.tables)
    yield from candidates(found)
    yield from _behavior(found)
    yield from _warnings(found)
    yield _tried(found)


def _recording(summary: RecordingSummary, found: Inspection) -> Iterator[Part]:
    spikes = summary.spikes
    assert spikes is not None  # a single recording that cannot be read is an error
    lines = [f"{summary.format} (reader {summary.reader}), animal {summary.animal}"]
    lines.append(f"{spikes.count} spikes of {counted(summary.units, 'unit')}" + _known_to(spikes.resolution_s))
    rows = [["spikes", _seconds(spikes.first_s), _seconds(spikes.last_s), _span(spikes.duration_s)]]
    first, last = (spikes.observed[0][0], spikes.observed[-1][1]) if spikes.observed else (None, None)
    rows.append(
        ["observed", _seconds(first), _seconds(last), f"{_span(spikes.observed_s)} ({_observed_from(summary)})"]
    )
    for table in summary.tables:
        rows.append([f"table {table.name}", _seconds(table.start_s), _seconds(table.stop_s), f"{table.rows} rows"])
    for one in summary.behavior:
        rows.append([f"behaviour {one.name}", _seconds(one.start_s), _seconds(one.stop_s), f"{one.samples} samples"])
    yield Part(summary.name, lines=lines)
    yield Part("Time, on the clock of the recording (s)", ("what", "from", "to", ""), rows, list(_gaps(summary)))


def _known_to(resolution_s: float) -> str:
    return f", times known to {1000 * resolution_s:.4g} ms" if resolution_s else ""


def _observed_from(summary: RecordingSummary) -> str:
    spikes = summary.spikes
    source = spikes.observed_from if spikes else ""
    said = {
        "file": "as the file says",
        "units": "as the units say",
        "spikes": "first to last spike: the file does not say",
    }
    return said.get(source, f"spikes exist only inside table {source}")


def _holes(spikes: SpikeSummary) -> list[tuple[float, float]]:
    """Between observed intervals."""
    return [(a[1], b[0]) for a, b in zip(spikes.observed, spikes.observed[1:], strict=False)]


def _gaps_cell(spikes: SpikeSummary) -> str:
    """How many, and the longest; stretches in which no unit fires though they count as observed apart."""
    said = []
    for what, several in (("", _holes(spikes)), (" silent", spikes.silent_intervals)):
        if several:
            said.append(f"{len(several)}{what}, up to {max(b - a for a, b in several):.3g} s")
    return "; ".join(said) or "none"


def _range(low: float, high: float) -> str:
    ends = (f"{low:.3g}", f"{high:.3g}")
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def _gaps(summary: RecordingSummary) -> Iterator[str]:
    spikes = summary.spikes
    if spikes is None:
        return
    if holes := _holes(spikes):
        lengths = sorted(b - a for a, b in holes)
        yield (
            f"gaps between observed intervals: {len(holes)}, {_range(lengths[0], lengths[-1])} s long; "
            f"the first: {', '.join(f'{a:.1f} to {b:.1f}' for a, b in holes[:3])}"
        )
    if spikes.silent_intervals:
        where = ", ".join(f"{a:.1f} to {b:.1f}" for a, b in spikes.silent_intervals[:3])
        yield f"no unit fires in {counted(len(spikes.silent_intervals), 'observed stretch', 'observed stretches')}: {where}"
    if not holes and not spikes.silent_intervals:
        yield "no gaps"


def _overview(found: Inspection) -> Part:
    asked = {*found.proposal.data["source"], *found.proposal.data["target"]}
    rows = [_overview_row(summary, found, asked) for summary in found.recordings]
    broken = [(summary.name, summary.path, summary.error) for summary in found.recordings if summary.error]
    errors = [line for text in errors_together(broken) for line in text.splitlines()]
    head = ("recording", "format", "animal", "from to (s)", "observed", "gaps", "trials", "units", "proposed regions")
    return Part(f"{found.path}: {counted(len(rows), 'recording')}", head, rows, errors, warn=bool(errors))


def _overview_row(summary: RecordingSummary, found: Inspection, asked: set[str]) -> list[str]:
    if summary.error or summary.spikes is None:
        return [summary.name, summary.format, *"––––––", "CANNOT BE READ, see below"]
    regions = summary.regions.get(found.proposal.region_column.get(summary.name, ""), ())
    trials = [str(t.rows) for t in summary.tables if t.name == found.proposal.trials["table"]]
    return [
        summary.name,
        summary.format,
        summary.animal,
        f"{_seconds(summary.spikes.first_s)} to {_seconds(summary.spikes.last_s)}",
        _span(summary.spikes.observed_s),
        _gaps_cell(summary.spikes),
        trials[0] if trials else "–",
        str(summary.units),
        ", ".join(f"{r.name} {r.units}" for r in sorted(regions, key=lambda r: r.name) if r.name in asked) or "none",
    ]


def _roles(found: Inspection) -> dict[str, str]:
    return {name: role for role in ("source", "target") for name in found.proposal.data[role]}


def _regions(found: Inspection, roles: Mapping[str, str]) -> Part:
    columns = sorted(set(found.proposal.region_column.values()))
    shown = [r for i, r in enumerate(found.regions) if i < MAX_REGION_ROWS or r.name in roles]
    lines = (
        [f"and {counted(len(found.regions) - len(shown), 'smaller region')}"] if len(shown) < len(found.regions) else []
    )
    if shown:
        lines.append(REGION_COLUMNS_EXPLAINED)
    if len(found.recordings) == 1:
        others = {n: r for n, r in found.recordings[0].regions.items() if n not in columns}
        lines += [
            f"also in {name}: {listed((f'{r.name} {r.units}' for r in rs), MAX_ITEMS)}" for name, rs in others.items()
        ]
    head = (
        "region",
        "role",
        "units",
        "rate 25 %",
        "median",
        "75 % (Hz)",
        "contaminated",
        f"< {FEW_SPIKES} spikes",
        "rate change",
    )
    title = f"Regions ({listed(columns)})" if columns else "Regions: none known"
    return Part(title, head if shown else (), [_region_row(r, roles) for r in shown], lines)


def _region_row(region: RegionSummary, roles: Mapping[str, str]) -> list[str]:
    contaminated = "cannot tell" if region.contaminated is None else str(region.contaminated)
    rates = [_number(rate) for rate in region.rate_hz]
    name = region.name if region.name.strip() == region.name and region.name else repr(region.name)
    change = _number(region.rate_change)
    return [name, roles.get(region.name, ""), str(region.units), *rates, contaminated, str(region.few_spikes), change]


def _table(table: TableSummary, found: Inspection) -> Part:
    trials = found.proposal.trials
    uses: dict[str, str] = {}
    if table.name == trials["table"]:
        uses = {trials[key]: key for key in ("decision", "align")} | dict.fromkeys(label_columns(table, found), "label")
    rows = [[c.name, c.kind, _holds(c), str(c.missing or ""), uses.get(c.name, "")] for c in table.columns]
    return Part(
        f"Interval table {table.name} ({table.rows} rows)", ("column", "kind", "holds", "missing", "proposed as"), rows
    )


def _holds(column: ColumnSummary) -> str:
    if column.classes and (column.low is None or len(column.classes) <= MAX_ITEMS):
        return listed((f"{name}: {n}" for name, n in column.classes.items()), MAX_ITEMS)
    if column.low is not None and column.high is not None:
        return f"{column.low:.6g} to {column.high:.6g}"
    return counted(column.distinct, "value")


def _behavior(found: Inspection) -> Iterator[Part]:
    by_name: dict[str, list[SeriesSummary]] = {}
    for summary in found.recordings:
        for series in summary.behavior:
            by_name.setdefault(series.name, []).append(series)
    rows = [[name, *_series_cells(several), str(len(several))] for name, several in by_name.items()]
    if rows:
        yield Part("Behaviour", ("series", "samples", "rate (Hz)", "values", "missing", "recordings"), rows)
    else:
        yield Part("Behaviour", lines=["none"])


def _series_cells(several: Sequence[SeriesSummary]) -> list[str]:
    rates = {_number(s.rate_hz) for s in several}
    lows, highs = [s.low for s in several if s.low is not None], [s.high for s in several if s.high is not None]
    values = f"{min(lows):.4g} to {max(highs):.4g}" if lows and highs else "none"
    return [
        str(sum(s.samples for s in several)),
        ", ".join(sorted(rates)),
        values,
        str(sum(s.missing for s in several) or ""),
    ]


def _warnings(found: Inspection) -> Iterator[Part]:
    lines = list(found.warnings)
    read = [summary for summary in found.recordings if not summary.error]
    if len(found.recordings) == 1:
        lines = [*read[0].warnings, *lines]
    else:
        lines += warnings_together([(summary.name, text) for summary in read for text in summary.warnings], len(read))
    if lines:
        yield Part("Warnings", lines=[f"- {line}" for line in lines], warn=True)


def _tried(found: Inspection) -> Part:
    trial = found.dry_run
    if trial.unreadable:
        lines = [
            trial.problems[0],
            *([f"the others alone: {what}" for what in _used(trial)] if trial.trials_used else []),
        ]
        lines += [line for p in trial.problems[1:] for line in p.splitlines()]
        return Part("The block below does not run yet", lines=lines, warn=True)
    if not trial.runs:
        lacking = list(found.proposal.missing.values())
        refused = [line for p in trial.problems if p not in lacking for line in p.splitlines()]
        lines = ["it is not complete:", *lacking] if lacking else []
        if refused:
            lines += [f"{trial.stages[-1]} refuses it:" if trial.stages else "ingest would refuse what is there:"]
        return Part("The block below does not run yet", lines=[*lines, *refused], warn=True)
    return Part("The block below was tried on these recordings", lines=list(_used(trial)))


def _used(trial: DryRun) -> Iterator[str]:
    """What the stages that take the block make of the recordings."""
    yield f"{listed(trial.stages)} take it" + ("" if "split" in trial.stages else " (too large to try more)")
    used, total = (sum(k[i] for k in trial.trials_used.values()) for i in (0, 1))
    classes = ", ".join(f"{name}: {n}" for name, n in trial.class_counts.items())
    yield f"{used} of {total} trials ({classes})"
    for role, (n, of) in trial.units_used.items():
        yield f"{n} of {counted(of, f'{role} unit')} pass the quality limits"
    yield from trial.filters


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _span(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:.3g} s" if seconds < 100 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 36000 else f"{seconds / 3600:.1f} h"


def _number(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.3g}"
