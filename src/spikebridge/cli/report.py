"""What `spikebridge inspect` says, part by part."""
# ruff: noqa: T201  (printing is what a command line is for)

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from spikebridge.cli import drawing
from spikebridge.cli.drawing import Part
from spikebridge.cli.labels import candidates, label_columns
from spikebridge.errors.grouping import group_errors, group_warnings
from spikebridge.errors.messages import counted, listed
from spikebridge.inspection.records import Column, Inspection, Look, Region, Series, Spikes, Table, Trial
from spikebridge.inspection.spiking import FEW_SPIKES, VIOLATING

MOST_ROWS = 30
"""Regions shown; those of the proposal always are. The JSON document has all."""
MOST_SHOWN = 8
MEANING = (
    f"contaminated: units with refractory contamination above {VIOLATING:g}; rate change: last third of the observed "
    "time over the first, median unit"
)


def show(found: Inspection) -> None:
    """Everything, the proposed block last."""
    for part in parts(found):
        drawing.draw(part)
    drawing.heading("Proposed for params.yaml")
    print(found.block)


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


def _recording(look: Look, found: Inspection) -> Iterator[Part]:
    spikes = look.spikes
    assert spikes is not None  # a single recording that cannot be read is an error
    lines = [f"{look.format} (reader {look.reader}), animal {look.animal}"]
    lines.append(f"{spikes.number} spikes of {counted(look.units, 'unit')}" + _known_to(spikes.resolution_s))
    rows = [["spikes", _seconds(spikes.first_s), _seconds(spikes.last_s), _span(spikes.duration_s)]]
    first, last = (spikes.observed[0][0], spikes.observed[-1][1]) if spikes.observed else (None, None)
    rows.append(["observed", _seconds(first), _seconds(last), f"{_span(spikes.observed_s)} ({_observed_from(look)})"])
    for table in look.tables:
        rows.append([f"table {table.name}", _seconds(table.start_s), _seconds(table.stop_s), f"{table.rows} rows"])
    for one in look.behavior:
        rows.append([f"behaviour {one.name}", _seconds(one.start_s), _seconds(one.stop_s), f"{one.samples} samples"])
    yield Part(look.name, lines=lines)
    yield Part("Time, on the clock of the recording (s)", ("what", "from", "to", ""), rows, list(_gaps(look)))


def _known_to(resolution_s: float) -> str:
    return f", times known to {1000 * resolution_s:.4g} ms" if resolution_s else ""


def _observed_from(look: Look) -> str:
    spikes = look.spikes
    source = spikes.observed_from if spikes else ""
    said = {
        "file": "as the file says",
        "units": "as the units say",
        "spikes": "first to last spike: the file does not say",
    }
    return said.get(source, f"spikes exist only inside table {source}")


def _holes(spikes: Spikes) -> list[tuple[float, float]]:
    """Between observed intervals."""
    return [(a[1], b[0]) for a, b in zip(spikes.observed, spikes.observed[1:], strict=False)]


def _gaps_cell(spikes: Spikes) -> str:
    """How many, and the longest; stretches in which no unit fires though they count as observed apart."""
    said = []
    for what, several in (("", _holes(spikes)), (" silent", spikes.silences)):
        if several:
            said.append(f"{len(several)}{what}, up to {max(b - a for a, b in several):.3g} s")
    return "; ".join(said) or "none"


def _range(low: float, high: float) -> str:
    ends = (f"{low:.3g}", f"{high:.3g}")
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def _gaps(look: Look) -> Iterator[str]:
    spikes = look.spikes
    if spikes is None:
        return
    if holes := _holes(spikes):
        lengths = sorted(b - a for a, b in holes)
        yield (
            f"gaps between observed intervals: {len(holes)}, {_range(lengths[0], lengths[-1])} s long; "
            f"the first: {', '.join(f'{a:.1f} to {b:.1f}' for a, b in holes[:3])}"
        )
    if spikes.silences:
        where = ", ".join(f"{a:.1f} to {b:.1f}" for a, b in spikes.silences[:3])
        yield f"no unit fires in {counted(len(spikes.silences), 'observed stretch', 'observed stretches')}: {where}"
    if not holes and not spikes.silences:
        yield "no gaps"


def _overview(found: Inspection) -> Part:
    asked = {*found.proposal.data["source"], *found.proposal.data["target"]}
    rows = [_overview_row(look, found, asked) for look in found.recordings]
    broken = [(look.name, look.path, look.error) for look in found.recordings if look.error]
    errors = [line for text in group_errors(broken) for line in text.splitlines()]
    head = ("recording", "format", "animal", "from to (s)", "observed", "gaps", "trials", "units", "proposed regions")
    return Part(f"{found.path}: {counted(len(rows), 'recording')}", head, rows, errors, warn=bool(errors))


def _overview_row(look: Look, found: Inspection, asked: set[str]) -> list[str]:
    if look.error or look.spikes is None:
        return [look.name, look.format, *"––––––", "CANNOT BE READ, see below"]
    regions = look.regions.get(found.proposal.region_column.get(look.name, ""), ())
    trials = [str(t.rows) for t in look.tables if t.name == found.proposal.trials["table"]]
    return [
        look.name,
        look.format,
        look.animal,
        f"{_seconds(look.spikes.first_s)} to {_seconds(look.spikes.last_s)}",
        _span(look.spikes.observed_s),
        _gaps_cell(look.spikes),
        trials[0] if trials else "–",
        str(look.units),
        ", ".join(f"{r.name} {r.units}" for r in sorted(regions, key=lambda r: r.name) if r.name in asked) or "none",
    ]


def _roles(found: Inspection) -> dict[str, str]:
    return {name: role for role in ("source", "target") for name in found.proposal.data[role]}


def _regions(found: Inspection, roles: Mapping[str, str]) -> Part:
    columns = sorted(set(found.proposal.region_column.values()))
    shown = [r for i, r in enumerate(found.regions) if i < MOST_ROWS or r.name in roles]
    lines = (
        [f"and {counted(len(found.regions) - len(shown), 'smaller region')}"] if len(shown) < len(found.regions) else []
    )
    if shown:
        lines.append(MEANING)
    if len(found.recordings) == 1:
        others = {n: r for n, r in found.recordings[0].regions.items() if n not in columns}
        lines += [
            f"also in {name}: {listed((f'{r.name} {r.units}' for r in rs), MOST_SHOWN)}" for name, rs in others.items()
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


def _region_row(region: Region, roles: Mapping[str, str]) -> list[str]:
    contaminated = "cannot tell" if region.violating is None else str(region.violating)
    rates = [_number(rate) for rate in region.rate_hz]
    name = region.name if region.name.strip() == region.name and region.name else repr(region.name)
    change = _number(region.rate_change)
    return [name, roles.get(region.name, ""), str(region.units), *rates, contaminated, str(region.few_spikes), change]


def _table(table: Table, found: Inspection) -> Part:
    trials = found.proposal.trials
    uses: dict[str, str] = {}
    if table.name == trials["table"]:
        uses = {trials[key]: key for key in ("decision", "align")} | dict.fromkeys(label_columns(table, found), "label")
    rows = [[c.name, c.kind, _holds(c), str(c.missing or ""), uses.get(c.name, "")] for c in table.columns]
    return Part(
        f"Interval table {table.name} ({table.rows} rows)", ("column", "kind", "holds", "missing", "proposed as"), rows
    )


def _holds(column: Column) -> str:
    if column.classes and (column.low is None or len(column.classes) <= MOST_SHOWN):
        return listed((f"{name}: {n}" for name, n in column.classes.items()), MOST_SHOWN)
    if column.low is not None and column.high is not None:
        return f"{column.low:.6g} to {column.high:.6g}"
    return counted(column.distinct, "value")


def _behavior(found: Inspection) -> Iterator[Part]:
    by_name: dict[str, list[Series]] = {}
    for look in found.recordings:
        for series in look.behavior:
            by_name.setdefault(series.name, []).append(series)
    rows = [[name, *_series_cells(several), str(len(several))] for name, several in by_name.items()]
    if rows:
        yield Part("Behaviour", ("series", "samples", "rate (Hz)", "values", "missing", "recordings"), rows)
    else:
        yield Part("Behaviour", lines=["none"])


def _series_cells(several: Sequence[Series]) -> list[str]:
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
    lines = [str(finding) for finding in found.warnings]
    read = [look for look in found.recordings if not look.error]
    if len(found.recordings) == 1:
        lines = [*map(str, read[0].warnings), *lines]
    else:
        lines += group_warnings([(look.name, finding) for look in read for finding in look.warnings], len(read))
    if lines:
        yield Part("Warnings", lines=[f"- {line}" for line in lines], warn=True)


def _tried(found: Inspection) -> Part:
    trial = found.trial
    if trial.broken:
        lines = [trial.problems[0], *([f"the others alone: {what}" for what in _used(trial)] if trial.kept else [])]
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


def _used(trial: Trial) -> Iterator[str]:
    """What the stages that take the block make of the recordings."""
    yield f"{listed(trial.stages)} take it" + ("" if "split" in trial.stages else " (too large to try more)")
    used, total = (sum(k[i] for k in trial.kept.values()) for i in (0, 1))
    classes = ", ".join(f"{name}: {n}" for name, n in trial.labels.items())
    yield f"{used} of {total} trials ({classes})"
    for role, (n, of) in trial.units.items():
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
