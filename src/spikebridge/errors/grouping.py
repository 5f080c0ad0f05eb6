"""Messages about many recordings: a message that applies to several is printed once, with their number and names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from spikebridge.errors.findings import Finding, Refusal
from spikebridge.errors.messages import counted, listed

MAX_NAMES = 4
MIN_RECORDINGS = 4
Key = tuple[str, str]


@dataclass(frozen=True)
class RecordingStatus:
    """The result of a stage for one recording, and the warnings about it."""

    recording: str
    status: str
    warnings: tuple[Finding, ...] = ()


@dataclass
class StatusPrinter:
    """Prints the status of each recording when it is finished, and each kind of warning in full only once.

    If an earlier recording had a warning of the same kind, the warning is stored, and `finish` prints it once for all
    of these recordings. With fewer than MIN_RECORDINGS recordings, every warning of each recording is printed.
    """

    say: Callable[[str], None]
    n_recordings: int
    first: dict[Key, tuple[str, Finding]] = field(default_factory=dict)
    others: dict[Key, list[tuple[str, Finding]]] = field(default_factory=dict)

    def __call__(self, done: RecordingStatus) -> None:
        new = []
        for finding in done.warnings:
            if self.n_recordings >= MIN_RECORDINGS and _kind(finding) in self.first:
                self.others.setdefault(_kind(finding), []).append((done.recording, finding))
            else:
                self.first.setdefault(_kind(finding), (done.recording, finding))
                new.append(finding)
        self.say("\n".join([f"{done.recording}: {done.status}", *(f"  warning: {f}" for f in new)]))

    def finish(self) -> None:
        """Print the stored warnings."""
        for kind, several in self.others.items():
            name, first = self.first[kind]
            names = [n for n, _ in several]
            values = "" if all(str(f) == str(first) for _, f in several) else ", with other values"
            more = counted(len(names), "more recording")
            self.say(f"  warning: {more} as {name}{values} ({listed(names, MAX_NAMES)}): {first}")


def group_errors(refusals: Sequence[tuple[str, Refusal]]) -> list[str]:
    """Lines of error messages about several recordings. refusals: (name of a recording, why it is refused).

    Recordings with the same findings become one message with the names of the others. From MIN_RECORDINGS recordings on
    whose findings have the same codes and other values, only the first is printed, and the others are named.
    """
    of_codes: dict[tuple[str, ...], list[str]] = {}
    equal: dict[tuple[tuple[str, str, str], ...], list[tuple[str, Refusal]]] = {}
    for name, refusal in refusals:
        of_codes.setdefault(_codes(refusal), []).append(name)
        equal.setdefault(tuple((f.code, f.text, f.remedy) for f in refusal.findings), []).append((name, refusal))
    lines: list[str] = []
    printed: set[tuple[str, ...]] = set()
    for (_, first), *others in equal.values():
        codes, same = _codes(first), [name for name, _ in others]
        many = len(of_codes[codes]) >= MIN_RECORDINGS
        if many and codes in printed:
            continue
        printed.add(codes)
        lines += [str(first), *_same_elsewhere(same, "")]
        if many:
            lines += _same_elsewhere([n for n in of_codes[codes][1:] if n not in same], ", with other values,")
    return lines


def _codes(refusal: Refusal) -> tuple[str, ...]:
    return tuple(f.code for f in refusal.findings)


def _same_elsewhere(names: Sequence[str], how: str) -> list[str]:
    if not names:
        return []
    return [f"the same is wrong{how} in {counted(len(names), 'more recording')}: {listed(names, MAX_NAMES)}"]


def group_warnings(warnings: Sequence[tuple[str, Finding]], n_recordings: int) -> list[str]:
    """One line for each kind of warning, with the names of its recordings. warnings: (name of a recording, warning)."""
    groups: dict[Key, list[tuple[str, Finding]]] = {}
    for name, finding in warnings:
        groups.setdefault(_kind(finding), []).append((name, finding))
    return [_line(group, n_recordings) for group in groups.values()]


def _line(several: Sequence[tuple[str, Finding]], n_recordings: int) -> str:
    names, texts = [name for name, _ in several], [str(finding) for _, finding in several]
    if len(names) == n_recordings > 1:
        who = ("both" if n_recordings == 2 else f"all {n_recordings}") + " recordings"
    else:
        who = listed(names, MAX_NAMES)
    return f"{who}: {texts[0]}" if len(set(texts)) == 1 else f"{who}; {names[0]}: {texts[0]}"


def _kind(finding: Finding) -> Key:
    return finding.code, finding.subject
