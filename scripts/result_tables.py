"""Write the tables of results in README.md and docs/ from finished studies; `--check` only compares.

    python scripts/result_tables.py --take .                        # keep the results of this project, as `default`
    python scripts/result_tables.py --take FOLDER --name no_link    # those of another finished project
    python scripts/result_tables.py                                 # write all tables anew

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`. `--take` keeps what the tables show of a
project's reports/evaluation in benchmarks/results/study_<name>.json: `default` is the study of params.yaml as shipped,
`no_label` has simulate.label_information 0, `no_link` has simulate.coupling 0. The rows of real recordings come from
benchmarks/results/quality.csv, which `python benchmarks/quality.py --on real` writes.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from spikebridge.artifacts.evaluation import EvaluationRun

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
STUDIES = ("default", "no_label", "no_link")
TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
WITHIN = "balanced_accuracy_within_blocks"
MODELS = {
    "seq2seq": "seq2seq (decides from its shared latents alone)",
    "ridge": "ridge (linear translator)",
    "reduced_rank": "reduced-rank regression",
    "poisson_glm": "Poisson GLM",
    "random_forest": "random forest (source counts)",
    "dnn": "deep network (source counts)",
    "logistic": "logistic regression (source counts)",
    "majority": "majority class",
}
"""Name of a model -> its words in the tables, in the order of the rows."""
STEPS = {
    "decision": {
        "majority": "majority class",
        "choice_history": "choice history",
        "time_in_recording": "time in the recording",
        "task_variables": "task variables (delay, restaurant)",
        "behavior": "position and speed",
        "target_region": "target region (logistic on counts)",
        "source_region": "source region (logistic on counts)",
        "translated_latents": "translated latents",
        "latents_and_task": "latents and task variables",
    },
    "translation": {
        "mean_rate": "mean rate",
        "psth": "PSTH",
        "behavior": "position and speed",
        "target_history": "the target's past",
        "linear_source": "plus a linear source",
        "seq2seq": "plus seq2seq",
    },
}
"""Kind of nested models -> its steps and their words, in the order of the rows."""


# --- what is kept of a study ------------------------------------------------------------------------------------------


def taken(project: Path) -> dict[str, Any]:
    """What the tables show of a project's evaluation."""
    run = EvaluationRun(project / "reports" / "evaluation")
    metrics, compared, ladder = run.read_metrics(), run.read_comparisons(), run.read_nested_models()
    primary = compared[compared["role"] == "primary"]
    columns = ["family", "model_a", "model_b", "estimate", "ci_low", "ci_high", "p_holm", "verdict"]
    scored = {"decision": WITHIN, "translation": "bits_per_spike"}
    if ladder is None:
        raise SystemExit(f"result_tables: {run.nested_models} is missing; run the stages nested_models and evaluate")
    steps = ladder[[scored.get(row.kind) == row.metric for row in ladder.itertuples()]]
    return {
        "n_recordings": metrics["n_recordings"],
        "n_trials": max((score["n_trials"] for score in metrics["models"].values()), default=0),
        "models": {m: {k: s[k] for k in (WITHIN, "auc", "log_loss")} for m, s in metrics["models"].items()},
        "translation": {
            m: {k: s[k] for k in ("bits_per_spike", "source_bits_per_spike")} for m, s in metrics["translation"].items()
        },
        "declared_tests": primary[columns].to_dict("records"),
        "nested_models": steps[["kind", "step", "value", "reference", "gain", "gain_low", "gain_high", "p_holm"]]
        .astype(object)
        .where(steps.notna(), None)
        .to_dict("records"),
        "communication_gain": {k: metrics["communication_gain"][k] for k in ("value", "ci_low", "ci_high")},
        "recovery": run.read_recovery(),
    }


def study(name: str) -> dict[str, Any] | None:
    """A study that was kept, or None."""
    path = RESULTS / f"study_{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


# --- tables -----------------------------------------------------------------------------------------------------------


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table with the first column at the left."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def cell(score: Mapping[str, Any] | None, digits: int = 3, interval: bool = True) -> str:
    """A value with its interval; empty where there is none."""
    if score is None or score.get("value") is None or pd.isna(score["value"]):
        return ""
    text = f"{score['value']:.{digits}f}"
    if interval and score.get("ci_low") is not None and not pd.isna(score["ci_low"]):
        text += f" [{score['ci_low']:.{digits}f}, {score['ci_high']:.{digits}f}]"
    return text


def real(metric: str) -> dict[str, dict[str, float]]:
    """{model: {value, ci_low, ci_high}} of the real recordings together; the AUC is the mean over recordings."""
    table = pd.read_csv(RESULTS / "quality.csv")
    table = table[(table["data"] == "real") & (table["metric"] == metric)]
    if metric == "auc":
        means = table[table["recording"] != "all"].groupby("model")["value"].mean()
        return {str(model): {"value": float(value)} for model, value in means.items()}
    pooled = table[table["recording"] == "all"].set_index("model")
    return {str(m): pooled.loc[m, ["value", "ci_low", "ci_high"]].to_dict() for m in pooled.index}


def scores() -> str:
    """One row a model: simulated rats and real mice side by side."""
    kept = study("default") or {"models": {}, "translation": {}}
    bits, areas = real("source_bits_per_spike"), real("auc")
    rows = []
    for model, words in MODELS.items():
        cells = [
            cell(kept["translation"].get(model, {}).get("source_bits_per_spike"), interval=False),
            cell(kept["models"].get(model, {}).get(WITHIN)),
            cell(bits.get(model), interval=False),
            cell(areas.get(model)),
        ]
        if any(cells):
            rows.append([words, *cells])
    head = ["", "simulated: bits/spike from the source", "simulated: decision, balanced accuracy",
            "mice: bits/spike from the source", "mice: outcome, AUC"]  # fmt: skip
    return markdown(head, rows)


def default() -> str:
    """All scores of the default study."""
    kept = study("default")
    if kept is None:
        return "(not run yet)\n"
    rows = []
    for model in dict.fromkeys([*MODELS, *kept["translation"], *kept["models"]]):
        translation, decision = kept["translation"].get(model, {}), kept["models"].get(model, {})
        cells = [cell(translation.get("bits_per_spike")), cell(translation.get("source_bits_per_spike"))]
        cells += [cell(decision.get(WITHIN)), cell(decision.get("auc")), cell(decision.get("log_loss"))]
        if any(cells):
            rows.append([MODELS.get(model, model.replace("_", " ")), *cells])
    head = ["model", "bits/spike", "of that, from the source", "balanced accuracy within blocks", "AUC", "log loss"]
    return markdown(head, rows)


def declared() -> str:
    """The declared tests of the default study."""
    kept = study("default")
    if kept is None:
        return "(not run yet)\n"
    words = {m: w.split(" (")[0] for m, w in MODELS.items()} | {"without_source": "itself without the source"}
    rows = [
        [
            row["family"].replace("_", " "),
            f"{words.get(row['model_a'], row['model_a'])} minus {words.get(row['model_b'], row['model_b'])}",
            cell({"value": row["estimate"], "ci_low": row["ci_low"], "ci_high": row["ci_high"]}),
            f"{row['p_holm']:.3f}",
            row["verdict"],
        ]
        for row in kept["declared_tests"]
    ]
    return markdown(["family", "difference", "estimate", "Holm p", "verdict"], rows)


def controls() -> str:
    """The default study beside the two in which nothing is to be found."""
    words = {"default": "default", "no_label": "`simulate.label_information: 0`", "no_link": "`simulate.coupling: 0`"}
    rows = []
    for name in STUDIES:
        if (kept := study(name)) is None:
            continue
        claims = {(r["family"], r["model_a"], r["model_b"]): r["p_holm"] for r in kept["declared_tests"]}
        rows.append(
            [
                words[name],
                cell(kept["translation"]["seq2seq"]["source_bits_per_spike"], 4),
                f"{claims['translation_from_source', 'seq2seq', 'without_source']:.3f}",
                *(cell(kept["models"][m][WITHIN], interval=False) for m in ("seq2seq", "random_forest", "dnn")),
                f"{claims['above_majority', 'seq2seq', 'majority']:.3f}",
                cell(kept["communication_gain"], 4),
            ]
        )
    head = ["setting", "seq2seq: bits/spike from the source", "Holm p", "decisions: seq2seq", "forest", "network",
            "seq2seq above the majority: Holm p", "communication gain (bits/spike)"]  # fmt: skip
    return markdown(head, rows)


def recovery() -> str:
    """What the translator and the counts recover of the simulated truth."""
    kept = (study("default") or {}).get("recovery")
    if not kept:
        return "(not run yet)\n"
    oracle, latents, counts, truth = kept["oracle"], kept["models"]["seq2seq"], kept["counts"], kept["truth"]
    rows = [["bits/spike of the oracle; of that, from the source", f"{oracle['bits_per_spike']:.3f}; "
             f"{oracle['source_bits_per_spike']:.3f}"]]  # fmt: skip
    rows += [
        [f"share of the oracle: {MODELS[m].split(' (')[0]}", f"{v:.1%}"]
        for m, v in oracle["share"].items()
        if m in MODELS
    ]
    rows += [
        [
            "R2 of the true latents, predicted from those of seq2seq on held-out blocks: mean",
            f"{latents['mean_r2']:.3f}",
        ]
    ]
    rows += [[f"R2: {name.replace('_', ' ')}", f"{value:.3f}"] for name, value in latents["r2"].items()]
    lag = {"value": counts["lag_s"], "ci_low": counts["lag_ci_low"], "ci_high": counts["lag_ci_high"]}
    rows += [["lag from counts (s); truth", f"{cell(lag)}; {truth['lag_s']:.3f}"]]
    each = ", ".join(str(r["dimension"]) for r in counts["recordings"].values())
    rows += [["dimensions from counts, each recording; truth", f"{each}; {truth['dimension']:.0f}"]]
    return markdown(["", ""], rows)


def nested(kind: str) -> str:
    """The nested models of one kind in the default study."""
    kept = study("default")
    if kept is None:
        return "(not run yet)\n"
    by_step = {row["step"]: row for row in kept["nested_models"] if row["kind"] == kind}
    rows = []
    for step, words in STEPS[kind].items():
        if (row := by_step.get(step)) is None:
            continue
        gain = {"value": row["gain"], "ci_low": row["gain_low"], "ci_high": row["gain_high"]}
        over = STEPS[kind].get(row["reference"] or "", row["reference"] or "")
        p = "" if row["p_holm"] is None else f"{row['p_holm']:.3f}"
        rows.append([words, cell({"value": row["value"]}), cell(gain), over if cell(gain) else "", p])
    unit = "balanced accuracy within blocks" if kind == "decision" else "bits/spike"
    return markdown(["predictors", unit, "gain", "over", "Holm p"], rows)


def decision_steps() -> str:
    """The nested models of the decision."""
    return nested("decision")


def translation_steps() -> str:
    """The nested models of the target's spikes."""
    return nested("translation")


TABLES: dict[str, Callable[[], str]] = {
    f.__name__: f for f in (scores, default, declared, recovery, controls, decision_steps, translation_steps)
}


# --- pages ------------------------------------------------------------------------------------------------------------


def written(text: str) -> str:
    """A page with its tables made anew.

    Raises
    ------
    SystemExit
        If a page names a table that is not in TABLES.
    """

    def table(match: re.Match[str]) -> str:
        if match[2] not in TABLES:
            raise SystemExit(f"result_tables: no table {match[2]}; there are {', '.join(TABLES)}")
        return f"{match[1]}\n{TABLES[match[2]]()}\n{match[3]}"

    return TABLE.sub(table, text)


def stale() -> Iterator[tuple[Path, str]]:
    """Pages whose tables are not those of the kept results, with their text made anew."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if (new := written(text)) != text:
            yield page, new


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--take", type=Path, metavar="FOLDER", help="a finished project whose results are kept")
    parser.add_argument("--name", choices=STUDIES, default="default", help="the study that it is")
    parser.add_argument("--check", action="store_true", help="only compare; exit code 1 where a table is stale")
    arguments = parser.parse_args()
    if arguments.take:
        text = json.dumps(taken(arguments.take), indent=1, ensure_ascii=False, allow_nan=False)
        (RESULTS / f"study_{arguments.name}.json").write_text(text + "\n", encoding="utf-8")
    pages = list(stale())
    for page, text in pages:
        print(f"{page.relative_to(ROOT)}: {'stale' if arguments.check else 'written'}")
        if not arguments.check:
            page.write_text(text, encoding="utf-8")
    sys.exit(1 if arguments.check and pages else 0)


if __name__ == "__main__":
    main()
