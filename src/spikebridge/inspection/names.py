"""What the name of a column of a trial table says about it. Names only suggest; `fitting` tries what they suggest."""

from __future__ import annotations

import re

CHOICE = re.compile(
    "choice|choose|chose|chosen|decision|decided?|decide|response|resp|action|turn|selected|stay|accept|accepted|lick|go"
    "|went|answer|behaviou?r|side|arm|direction|port"
)
OUTCOME = re.compile(
    "outcome|correct|success|succeeded|hit|result|rewarded|reward|feedback|accuracy|performance|error|win"
)
OFFERED = re.compile(
    "stim|stimulus|contrast|cue|prob|probability|block|delay|odou?r|tone|sample|offer|context|target|image|restaurant"
    "|session|epoch|day|laser|opto"
)
PLACES = re.compile("side|arm|direction|port|go")
"""Words of choices that stimuli have as well: stim_side, cue_direction."""
DECIDING = re.compile(
    "decision|decided?|decide|choice|choose|chosen|response|resp|movements?|move|moved|lick|reaction|poke|report|enter"
    "|saccade"
)
ASKING = re.compile("stim|stimulus|cue|go|tone|sample|offer|odou?r|image|visual|auditory|target|probe|test")
AFTER = re.compile("feedback|outcome|reward|result|punish|punishment|end|stop|offset|off|iti")
SINCE = re.compile("latency|rt|reaction|duration|time|onset|delay")
TIMES = re.compile("times?|timestamps?|ts|onsets?")


def words(name: str) -> list[str]:
    """The words of a name: "feedbackType_2" -> feedback, type."""
    return [w.lower() for w in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def says(name: str, what: re.Pattern[str]) -> bool:
    return any(what.fullmatch(w) for w in words(name))


def label_group(name: str) -> int:
    """0: a choice; 1: an outcome; 2: anything; 3: what was offered to the animal."""
    chosen = [w for w in words(name) if CHOICE.fullmatch(w)]
    if says(name, OFFERED) and all(PLACES.fullmatch(w) for w in chosen):
        return 3
    return 0 if chosen else 1 if says(name, OUTCOME) else 2


def align_rank(name: str) -> int:
    """0: the animal decides; 1: it is asked; 2: the start; 3: what follows; 4: any other time; 5: the stop."""
    if name in ("start_time", "stop_time"):
        return 2 if name == "start_time" else 5
    if says(name, DECIDING) and not says(name, ASKING):
        return 0
    return 3 if says(name, AFTER) else 1 if says(name, ASKING) else 4


def is_decision(name: str) -> bool:
    return says(name, re.compile("decision|choice"))
