"""Answers of a run to the items of the checklists; a text that ends with "…" is partial."""

from __future__ import annotations

from sklearn_emg._tables import counted
from sklearn_emg.comparison import ConfoundAudit, SiteComparison
from sklearn_emg.inspection._reports._cards._facts import Facts
from sklearn_emg.inspection._reports._cards._population import (
    class_text,
    confounds_text,
    missing_text,
    population_facts,
    subjects_of_folds,
)

_BALANCING = ("class_weight", "smote", "sampling")


def answers(facts: Facts) -> dict[str, dict[str, str]]:
    """Answer the items of TRIPOD+AI and REFORMS that the run can answer, by checklist and item.

    The author answers items that are missing.
    """
    shared = _shared(facts)
    return {"TRIPOD+AI": _tripod(facts, shared), "REFORMS": _reforms(facts, shared)}


def _shared(facts: Facts) -> dict[str, str]:
    """Return the texts that both checklists use."""
    record, result = facts.record, facts.result
    described = dict(population_facts(record.rows, facts.noun))
    steps = record.parts[facts.name]
    metrics = [m.replace("_", " ") for m in facts.summary.dropna(subset=["pooled"]).index]
    size = f"{described['Subjects']} subjects ({class_text(record.rows)})"
    confounds = facts.confounds
    found = ", ".join(confounds.confounds) if isinstance(confounds, ConfoundAudit) else ""
    groups = list(dict.fromkeys(facts.subgroups.get("property", ())))
    small = sum(not enough for enough in facts.subgroups.get("enough", ()))
    return {
        "size": size,
        "rows": described[f"{facts.noun.capitalize()}s"],
        "steps": ", ".join(steps),
        "measures": ", ".join(metrics),
        "intervals": f"{100 * result.confidence:g} % intervals over subjects",
        "splits": f"{record.protocol['splits']}, {facts.predictions['fold'].nunique()} folds; "
        f"{subjects_of_folds(record)}",
        "missing": missing_text(record.rows),
        "confounds": found,
        "small": f"{small} of {counted(len(facts.subgroups), 'subgroup')} too small for a score"
        if small
        else "",
        "groups": f"scores by {', '.join(groups)}" if groups else "",
        "tuned": ", ".join(facts.tuned),
        "sites": f"subjects by site: {described['Subjects by site']}"
        if "Subjects by site" in described
        else "",
        "compared": ", ".join(record.parts),
    }


def _part(text: str) -> str:
    """Mark a text as part of an answer, which the author completes; keep an empty text."""
    return f"{text} …" if text else ""


def _limits(shared: dict[str, str]) -> str:
    """List the limitations that the run has found."""
    found = [f"confounds: {shared['confounds']}"] if shared["confounds"] else []
    found += [shared["small"]] if shared["small"] else []
    return "; ".join(found)


def _tripod(facts: Facts, shared: dict[str, str]) -> dict[str, str]:
    record = facts.record
    across = "sites" if isinstance(facts.result, SiteComparison) else "subjects"
    return {
        "5": _part(f"{shared['rows']} {facts.noun}s of {shared['size']}"),
        "6": _part(shared["sites"]),
        "7": _part(f"steps, the same for all subjects: {shared['steps']}"),
        "8": _part(class_text(record.rows)),
        "9": _part(f"computed from the {facts.noun}s by {shared['steps']}"),
        "10": _part(shared["size"]),
        "11": _part(shared["missing"]),
        "12": _part(
            f"{shared['splits']}; {shared['steps']}; tuned within folds: "
            f"{shared['tuned'] or 'nothing'}; {shared['measures']} with {shared['intervals']}"
        ),
        "13": _part(_balance(facts)),
        "14": _part(shared["groups"]),
        "15": _part("one value" if facts.is_regression else "one of the classes, see Model"),
        "16": _part(f"one table; the test {across} of a fold are not in its training set"),
        "18": _part(f"sklearn-emg {record.versions['sklearn-emg']}, settings under Model"),
        "20": _part(f"see Data: {shared['size']}"),
        "21": f"{shared['size']}; test sets as under Protocol",
        "22": _part("steps and settings under Model; save_model writes the fitted system"),
        "23": f"see Scores and Scores by subgroup: {shared['measures']}, {shared['intervals']}",
        "26": _part(_limits(shared)),
        "27": _part("" if facts.quality is None else "check_quality finds unusable recordings"),
    }


def _reforms(facts: Facts, shared: dict[str, str]) -> dict[str, str]:
    record = facts.record
    others = len(record.parts) > 1
    versions = ", ".join(f"{n} {v}" for n, v in record.versions.items())
    measured = [seconds for seconds in record.cpu_seconds.values() if seconds == seconds]
    of = (
        "all pipelines"
        if len(measured) == len(record.parts)
        else counted(len(measured), "pipeline")
    )
    across = isinstance(facts.result, SiteComparison)
    return {
        "2a": _part(f"{shared['rows']} {facts.noun}s of {shared['size']}"),
        "2b": _part(versions),
        "2c": _part(f"{record.versions['system']}; {sum(measured):.1f} s of CPU time for {of}"),
        "3d": _part(class_text(record.rows)),
        "3e": _part(f"{shared['rows']} {facts.noun}s of {shared['size']}"),
        "3f": _part(shared["missing"]),
        "4b": _part(_bad(facts)),
        "4c": _part(f"steps of the pipeline: {shared['steps']}"),
        "5a": _part(f"compared: {shared['compared']}"),
        "5c": shared["splits"],
        "5d": _part(f"compared on the same folds: {shared['compared']}" if others else ""),
        "5e": _part(f"tuned within folds: {shared['tuned'] or 'nothing'}"),
        "5f": _part(_baselines(facts)),
        "6a": "all steps are fitted on the training subjects of each fold; see Leak checks",
        "6b": f"{shared['splits']}; see Leak checks",
        "6c": _part(_legitimacy(facts)),
        "7a": _part(shared["measures"]),
        "7b": f"{shared['intervals']}; models are treated as fixed",
        "7c": _part(
            "paired permutation tests over subjects, adjusted by Holm's method"
            if facts.pairs is not None
            else ""
        ),
        "8a": _part(
            "each site was tested with a model that was trained on the others" if across else ""
        ),
        "8b": _part(_limits(shared)),
    }


def _balance(facts: Facts) -> str:
    """Describe the class sizes and the settings against imbalance; "" for regression."""
    if facts.is_regression:
        return ""
    settings = facts.record.settings
    chosen = settings["parameter"].isin(_BALANCING) & (settings["pipeline"] == facts.name)
    found = settings[chosen]
    texts = [f"{p}={v}" for p, v in zip(found["parameter"], found["value"])]
    weights = ", ".join(dict.fromkeys(texts)) or "no class weights are set"
    return f"{class_text(facts.record.rows)}; {weights}"


def _bad(facts: Facts) -> str:
    if facts.quality is None:
        return ""
    n = int((facts.quality.recordings["quality"] == "bad").sum())
    return f"check_quality found {counted(n, 'bad recording')}"


def _legitimacy(facts: Facts) -> str:
    if not isinstance(facts.confounds, ConfoundAudit):
        return ""
    return f"confounds: {confounds_text(facts.confounds)}"


def _baselines(facts: Facts) -> str:
    level = f"{facts.result.chance:.2f}"
    return f"RMSE of the mean: {level}" if facts.is_regression else f"largest class: {level}"
