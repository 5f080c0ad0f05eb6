"""What the name of a column of a trial table suggests. Names only rank columns; their values decide."""

from __future__ import annotations

import re

CHOICE_WORDS = re.compile(
    "choice|choose|chose|chosen|decision|decided?|decide|response|resp|action|turn|selected|stay|accept|accepted|lick|go"
    "|went|answer|behaviou?r|side|arm|direction|port"
)
OUTCOME_WORDS = re.compile(
    "outcome|correct|success|succeeded|hit|result|rewarded|reward|feedback|accuracy|performance|error|win"
)
STIMULUS_WORDS = re.compile(
    "stim|stimulus|contrast|cue|prob|probability|block|delay|odou?r|tone|sample|offer|context|target|image|restaurant"
    "|session|epoch|day|laser|opto"
)
SIDE_WORDS = re.compile("side|arm|direction|port|go")
"""Words of choices that names of stimuli contain as well: stim_side, cue_direction."""
DECISION_TIME_WORDS = re.compile(
    "decision|decided?|decide|choice|choose|chosen|response|resp|movements?|move|moved|lick|reaction|poke|report|enter"
    "|saccade"
)
CUE_TIME_WORDS = re.compile("stim|stimulus|cue|go|tone|sample|offer|odou?r|image|visual|auditory|target|probe|test")
LATE_TIME_WORDS = re.compile("feedback|outcome|reward|result|punish|punishment|end|stop|offset|off|iti")
LATENCY_WORDS = re.compile("latency|rt|reaction|duration|time|onset|delay")
TIME_WORDS = re.compile("times?|timestamps?|ts|onsets?")


def words(name: str) -> list[str]:
    """The words of a name: "feedbackType_2" -> feedback, type."""
    return [w.lower() for w in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def has_word(name: str, pattern: re.Pattern[str]) -> bool:
    """Whether any word of a name matches a pattern."""
    return any(pattern.fullmatch(w) for w in words(name))


def label_rank(name: str) -> int:
    """0: a choice of the animal; 1: an outcome; 2: any other name; 3: a stimulus."""
    choices = [w for w in words(name) if CHOICE_WORDS.fullmatch(w)]
    if has_word(name, STIMULUS_WORDS) and all(SIDE_WORDS.fullmatch(w) for w in choices):
        return 3
    return 0 if choices else 1 if has_word(name, OUTCOME_WORDS) else 2


def align_rank(name: str) -> int:
    """0: the animal decides; 1: a cue; 2: start_time; 3: after the decision; 4: any other time; 5: stop_time."""
    if name in ("start_time", "stop_time"):
        return 2 if name == "start_time" else 5
    if has_word(name, DECISION_TIME_WORDS) and not has_word(name, CUE_TIME_WORDS):
        return 0
    return 3 if has_word(name, LATE_TIME_WORDS) else 1 if has_word(name, CUE_TIME_WORDS) else 4


def is_decision(name: str) -> bool:
    """Whether a name contains "decision" or "choice"."""
    return has_word(name, re.compile("decision|choice"))
