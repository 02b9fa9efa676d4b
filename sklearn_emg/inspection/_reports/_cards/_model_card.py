"""model_card, which describes a model, its data, its scores and what is not known."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._tables import counted, first_few, interval
from sklearn_emg._validation import check_integer, did_you_mean
from sklearn_emg.comparison import (
    AGE_BANDS,
    Comparison,
    ConfoundAudit,
    LeakageAudit,
    RunRecord,
    SiteComparison,
    confound_audit,
    diagnoses,
    holm,
    kinds_of,
    record_of,
    sensitivities,
    settings_of,
    subgroup_scores,
)
from sklearn_emg.inspection._outcomes import AgreementDisplay
from sklearn_emg.inspection._reports._cards._answers import answers
from sklearn_emg.inspection._reports._cards._card import Card, Section
from sklearn_emg.inspection._reports._cards._checklists import checklists
from sklearn_emg.inspection._reports._cards._facts import Facts
from sklearn_emg.inspection._reports._cards._population import (
    class_table,
    confounds_text,
    population_facts,
    spelling_text,
)
from sklearn_emg.metrics import calibration_summary, compare_pair
from sklearn_emg.preprocessing import QualityReport
from sklearn_emg.recordings import training_subjects

_MAX_NAMED = 30
_NOT_DONE = "not done"


def model_card(
    model: Any,
    comparison: Comparison,
    *,
    pipeline: str | None = None,
    confounds: ConfoundAudit | None = None,
    audit: LeakageAudit | None = None,
    quality: QualityReport | None = None,
    age_bands: Sequence[float] = AGE_BANDS,
    min_subjects: int = 5,
    title: str | None = None,
) -> Card:
    """Create a card that describes a model and its evaluation and lists what is not known.

    All scores come from the comparison. Blanks mark facts that only the author knows, such as the
    intended use. The card ends with paraphrased versions of the checklists TRIPOD+AI [1]_ and
    REFORMS [2]_.

    Parameters
    ----------
    model : estimator or str
        A pipeline of the comparison, which may be unfitted or fitted on all subjects, or its name.
    comparison : Comparison
        Result of :func:`~sklearn_emg.comparison.compare`.
    pipeline : str, default=None
        Name of the pipeline whose scores apply to `model`. By default, it is the one with the same
        settings as `model`.
    confounds : ConfoundAudit, default=None
        Result of :func:`~sklearn_emg.comparison.confound_audit`. By default, the columns that
        describe subjects and recordings are audited, for classifiers only. An audit of the
        recording table also includes properties of the signals.
    audit : LeakageAudit, default=None
        Result of :func:`~sklearn_emg.comparison.leakage_audit` of the pipeline.
    quality : QualityReport, default=None
        Result of :func:`~sklearn_emg.preprocessing.check_quality` of the recordings.
    age_bands : sequence of float, default=(40, 60)
        Limits of the age bands in years.
    min_subjects : int, default=5
        Minimum number of subjects of a subgroup. For smaller subgroups, the card shows no score and
        states the reason.
    title : str, default=None
        Title of the card. By default, it is "Model card: " followed by the name of the pipeline.

    Returns
    -------
    card : Card
        Card with ``markdown``, ``html`` and ``save(path)``.

    Raises
    ------
    ValueError
        If the comparison has no record of its run, if not exactly one pipeline has the settings of
        `model`, or if there is no pipeline of the given name.
    TypeError
        If `comparison` is not a Comparison.

    See Also
    --------
    data_card : Describes a table of recordings.
    write_cards : Writes both cards.
    report : Writes a page of a comparison, with its cards.

    Notes
    -----
    :func:`~sklearn_emg.comparison.subgroup_scores` computes the scores of subgroups. The CPU time
    is the time for fitting and predicting in all folds, without steps whose results were shared by
    all pipelines.

    References
    ----------
    .. [1] G. S. Collins et al., "TRIPOD+AI statement: updated guidance for reporting clinical
       prediction models that use regression or machine learning methods", BMJ 385 (2024) e078378.
    .. [2] S. Kapoor et al., "REFORMS: consensus-based recommendations for machine-learning-based
       science", Science Advances 10 (2024) eadk3452.

    M. Mitchell et al., "Model cards for model reporting", Proc. FAT* (2019) 220-229.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.comparison import compare
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.inspection import model_card
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 40)
    >>> X = pd.DataFrame({"rms": rng.normal(size=80), "subject": np.repeat(range(20), 4)})
    >>> X["age"] = np.repeat(rng.integers(30, 80, size=20), 4)
    >>> model = DiVoteClassifier(LogisticRegression(), window=None, features=["rms"])
    >>> result = compare({"logistic": model}, X, y, progress=False)
    >>> card = model_card(model.fit(X, y), result)
    >>> "Intended use" in card.markdown
    True
    """
    if not isinstance(comparison, Comparison):
        raise TypeError(
            "The 'comparison' of model_card must be a Comparison. Got "
            f"{type(comparison).__name__}: run sklearn_emg.comparison.compare."
        )
    check_integer(min_subjects, "min_subjects", "model_card")
    record = record_of(comparison)
    name = _name_of(model, record, pipeline)
    facts = Facts(
        None if isinstance(model, str) else model,
        comparison,
        record,
        name,
        confounds or _audited(record, comparison.task),
        audit,
        quality,
        subgroup_scores(comparison, name, age_bands=age_bands, min_subjects=min_subjects),
        pair_table(comparison, name),
    )
    sections = [
        _model(facts),
        _intended_use(),
        _data(facts),
        _protocol(facts),
        _leak_checks(facts),
        _figures(facts),
        _subgroups(facts, min_subjects),
        _calibration(facts),
        _failures(facts),
        _reproduction(facts),
        Section("Limitations", blanks=["Limitations", "Ethical considerations"]),
        *checklists(answers(facts)),
    ]
    return Card(title or f"Model card: {name}", sections)


def _name_of(model: Any, record: RunRecord, pipeline: str | None) -> str:
    """Return the name of the compared pipeline that corresponds to a model."""
    names = list(record.parts)
    wanted = model if isinstance(model, str) else pipeline
    if wanted is not None:
        if wanted not in names:
            raise ValueError(
                f"The comparison has no pipeline {wanted!r}; it has {names}."
                f"{did_you_mean(wanted, names)}"
            )
        return str(wanted)
    own = settings_of(model), kinds_of(model)
    same = [name for name in names if (_settings(record, name), record.parts[name]) == own]
    if len(same) == 1:
        return same[0]
    found = f"the settings of {same}" if same else "the settings of none of them"
    raise ValueError(
        f"The comparison has the pipelines {names}, and the 'model' of model_card has {found}. "
        "Choose the pipeline whose scores apply, and give its name as pipeline=... or as the model."
    )


def _settings(record: RunRecord, name: str) -> list[tuple[str, ...]]:
    table = record.settings[record.settings["pipeline"] == name].drop(columns="pipeline")
    return list(table.itertuples(index=False, name=None))


def _audited(record: RunRecord, task: str) -> ConfoundAudit | str:
    """Audit the columns that describe the rows, or return the reason why this is impossible."""
    if task == "regression":
        return "no audit, because it needs classes"
    rows = record.rows.loc[record.rows.index.repeat(record.rows["n"])].reset_index(drop=True)
    columns = [c for c in rows.columns.drop(["subject", "y", "n"]) if rows[c].nunique() > 1]
    if not columns:
        return "no audit, because no column describes subjects or recordings"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "With .* subjects", UserWarning)  # the card states it
        try:
            return confound_audit(rows[["subject", *columns]], rows["y"].to_numpy())
        except ValueError as error:
            return f"no audit: {error}"


# -------------------------------------------------------------------- sections


def _model(facts: Facts) -> Section:
    record, name = facts.record, facts.name
    listed = [
        ("Pipeline", name),
        ("Steps", ", ".join(record.parts[name])),
        ("Output", _answer(facts)),
        ("Training", _training(facts.model)),
    ]
    table = record.settings[record.settings["pipeline"] == name].drop(columns="pipeline")
    table = table.assign(part=[p or k for p, k in zip(table["part"], table["kind"])])
    table = table.set_index("part")[["kind", "parameter", "value"]]
    differing = _differing(facts)
    if differing:
        listed.append(("Differs from the compared pipeline", differing))
    return Section(
        "Model",
        facts=listed,
        tables=[("Settings that differ from the defaults", table)],
        blanks=["Version and licence of the model", "Contact"],
    )


def _answer(facts: Facts) -> str:
    unit = facts.result.unit
    if facts.is_regression:
        return f"one value per {unit}"
    classes = ", ".join(map(str, facts.result.classes))
    has_proba = any(str(c).startswith("probability_") for c in facts.predictions)
    known = has_proba and facts.predictions.filter(like="probability_").notna().any(axis=None)
    return f"one class per {unit} ({classes})" + (", with probabilities" if known else "")


def _training(model: Any) -> str:
    if model is None:
        return "the card describes the compared pipeline, not a fitted model"
    try:
        check_is_fitted(model)
    except NotFittedError:
        return "the model is not fitted"
    subjects, complete = training_subjects(model)
    if not complete:
        return "fitted; the model does not state its training subjects"
    return f"fitted on {counted(len(subjects), 'subject')}"


def _differing(facts: Facts) -> str:
    """List the settings in which the model differs from the pipeline whose scores are shown."""
    if facts.model is None:
        return ""
    own, compared = set(settings_of(facts.model)), set(_settings(facts.record, facts.name))
    changed = sorted(own ^ compared)
    found = [f"{kind} {parameter}" for _, kind, parameter, _ in changed]
    if kinds_of(facts.model) != facts.record.parts[facts.name]:
        found.insert(0, "steps")
    return ", ".join(dict.fromkeys(found))


def _intended_use() -> Section:
    return Section(
        "Intended use",
        blanks=[
            "Use for which the model is intended",
            "Users and the knowledge they need",
            "Uses for which it is not intended",
        ],
    )


def _data(facts: Facts) -> Section:
    rows = facts.record.rows
    tables = []
    by_class = class_table(rows, facts.noun)
    if by_class is not None:
        tables.append(("Subjects by class", by_class))
    listed = population_facts(rows, facts.noun)
    if isinstance(facts.confounds, str):
        listed.append(("Confounds", facts.confounds))
    else:
        audit = facts.confounds
        listed.append(("Confounds", confounds_text(audit)))
        if audit.suspects:
            listed.append(("Suspected confounds", ", ".join(map(str, audit.suspects))))
        tables.append(
            (
                "Balanced accuracy over subjects with one property alone",
                pd.DataFrame(audit.table()).rename_axis("property"),
            )
        )
    listed.append(("Quality of the recordings", quality_text(facts.quality)))
    return Section(
        "Data",
        facts=listed,
        tables=tables,
        blanks=[
            "Source, dates and centres",
            "Eligibility",
            "How and by whom the diagnosis was made",
        ],
    )


def quality_text(quality: QualityReport | None) -> str:
    """Summarise the quality of the recordings and the kinds of findings in one line of text."""
    if quality is None:
        return "not checked (check_quality)"
    levels = quality.recordings["quality"]
    counts = ", ".join(f"{(levels == level).sum()} {level}" for level in ("ok", "check", "bad"))
    kinds = ", ".join(quality.kinds["title"])
    return f"{counts}" + (f" ({kinds})" if kinds else "")


def _protocol(facts: Facts) -> Section:
    result, protocol = facts.result, facts.record.protocol
    sizes = facts.predictions.groupby("fold")["subject"].nunique()
    listed = [
        ("Splits", protocol["splits"]),
        ("Folds", f"{len(sizes)}, with {_range(sizes)} in the test set"),
        ("Diagnoses", f"one for each {result.unit}"),
        ("Intervals", f"{100 * result.confidence:g} %, over subjects, with the models fixed"),
        (
            "Scored models",
            "fitted on earlier visits of the test subjects and on other subjects"
            if "subjects" in protocol
            else "fitted without the test subjects of their fold",
        ),
    ]
    if isinstance(result, SiteComparison):
        sites = ", ".join(map(str, result.sites))
        listed[0] = (
            "Splits",
            f"each site is tested with a model that was trained on the others ({sites})",
        )
    listed.append(("Tuned within each fold", ", ".join(facts.tuned) or "nothing"))
    return Section("Protocol", facts=listed)


def _range(sizes: pd.Series) -> str:
    if sizes.empty:
        return "no subject"
    low, high = int(sizes.min()), int(sizes.max())
    return counted(low, "subject") if low == high else f"{low} to {high} subjects"


def _leak_checks(facts: Facts) -> Section:
    rows = {
        "Subject in both the training and the test set of a fold": (
            "done",
            "all test subjects, since later visits of known subjects are tested"
            if "subjects" in facts.record.protocol
            else "none; compare refuses such splits",
        ),
        "Part that was previously fitted on test subjects": (
            "done",
            "none among the parts that state their training subjects",
        ),
        "Subject or label among the features": ("done", "none by name and values"),
        "Subjects under two spellings": ("done", spelling_text(facts.record.rows)),
        "Copies and overlapping excerpts": _copies(facts.quality),
        "Random split of windows": _gain(facts.audit),
        "Confounds": (_NOT_DONE, facts.confounds)
        if isinstance(facts.confounds, str)
        else ("done", confounds_text(facts.confounds)),
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["check", "found"])
    return Section("Leak checks", tables=[("Leak checks", table.rename_axis("leak"))])


def _copies(quality: QualityReport | None) -> tuple[str, str]:
    if quality is None:
        return _NOT_DONE, "give quality=check_quality(table)"
    found = quality.findings[quality.findings["kind"].isin(["copy", "overlap"])]
    n = found["row"].nunique()
    text = f"{counted(n, 'recording')} with samples of another recording"
    return "done", text if n else "none found"


def _gain(audit: LeakageAudit | None) -> tuple[str, str]:
    if audit is None:
        return _NOT_DONE, "give audit=leakage_audit(pipeline, X, y)"
    return "done", audit.effect


def _figures(facts: Facts) -> Section:
    summary, result = facts.summary, facts.result
    unit = f"{result.unit}s"
    scored = summary.dropna(subset=["pooled"])
    scores = pd.DataFrame(
        {
            "value": [interval(*row) for row in scored[["pooled", "low", "high"]].to_numpy(float)],
            "mean ± sd of folds": [
                f"{m:.2f}" + ("" if np.isnan(s) else f" ± {s:.2f}")
                for m, s in scored[["mean", "std"]].to_numpy(float)
            ],
        },
        index=[str(metric).replace("_", " ") for metric in scored.index],
    )
    tables = [(f"Scores over {unit}", scores.rename_axis("measure"))]
    text = (
        f"The RMSE of predicting the mean is {result.chance:.3g}."
        if facts.is_regression
        else "The chance level of the accuracy, which is the proportion of the largest class, is "
        f"{result.chance:.2f}."
    )
    if not facts.is_regression:
        tables.append((f"Sensitivity over {unit}, by class", sensitivity_table(result, facts.name)))
    if facts.pairs is not None:
        tables.append((f"{facts.name} against the other pipelines", facts.pairs))
    return Section("Scores", text, tables=tables)


def sensitivity_table(result: Comparison, name: str) -> pd.DataFrame:
    """Tabulate the sensitivity of each class with its interval, as text.

    ``n`` is the number of subjects (or other units of diagnosis).
    """
    found = sensitivities(result, name)
    rows = {
        str(label): {
            "n": int(row["n"]),
            "sensitivity": interval(*row[["sensitivity", "low", "high"]]),
        }
        for label, row in found.iterrows()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("class")


def pair_table(result: Comparison, name: str) -> pd.DataFrame | None:
    """Compare a pipeline with the others by paired permutation tests, adjusted by Holm's method.

    Return None if no other pipeline has at least two folds in common with this one.
    """
    rows = {}
    for other in dict.fromkeys(result.summary["pipeline"]):
        try:
            tests = compare_pair(result, name, other) if other != name else None
        except ValueError:  # fewer than two folds in common
            continue
        if tests is not None:
            found = tests.loc["permutation over subjects", ["difference", "pvalue"]]
            rows[str(other)] = tuple(found.to_numpy(dtype=float).tolist())
    if not rows:
        return None
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["difference", "p"])
    table["adjusted p"] = holm(table["p"].to_numpy())
    return table.rename_axis("other pipeline")


def _subgroups(facts: Facts, min_subjects: int) -> Section:
    found = facts.subgroups
    if found.empty:
        text = (
            "The table has no column for sex, age, muscle, site or side that defines subgroups of "
            "the subjects."
        )
        return Section("Scores by subgroup", text, blanks=["Scores by subgroup"])
    text = (
        f"No score is given for subgroups, or classes in them, with fewer than {min_subjects} "
        "subjects. If the unit is the recording, each recording counts with its own prediction."
    )
    missing = [p for p in ("sex", "age", "muscle", "site") if p not in set(found["property"])]
    if missing:
        text += f" Not known: {', '.join(missing)}."
    score = "mean absolute error" if facts.is_regression else "accuracy"
    rows = []
    for _, row in found.iterrows():
        entry = {
            "unit": row["unit"],
            "subjects": row["n_subjects"],
            score: _figure(row, ["score", "low", "high"], row["n_subjects"]),
        }
        for label in facts.result.classes.tolist():
            names = [f"{k} of {label}" for k in ("sensitivity", "low", "high")]
            entry[f"sensitivity {label}"] = _figure(row, names, row[f"n of {label}"])
        rows.append(entry)
    index = [f"{p}: {g}" for p, g in zip(found["property"], found["subgroup"])]
    table = pd.DataFrame(rows, index=index).rename_axis("subgroup")
    return Section("Scores by subgroup", text, tables=[("Scores by subgroup", table)])


def _figure(row: pd.Series, names: list[str], n_subjects: int) -> str:
    values = row[names].to_numpy(dtype=float)
    return f"too few ({n_subjects})" if np.isnan(values[0]) else interval(*values)


def _calibration(facts: Facts) -> Section:
    if facts.is_regression:
        line = AgreementDisplay.from_comparison(facts.result, facts.name).calibration
        slope = interval(line["slope"], line["slope_low"], line["slope_high"])
        return Section("Calibration", facts=[("Slope of true on predicted values", slope)])
    names = [f"probability_{c}" for c in facts.result.classes]
    table = facts.predictions
    if names[0] not in table or table[names].isna().any(axis=None):
        return Section("Calibration", "The pipeline predicts no probabilities.")
    keys = list(dict.fromkeys(["subject", facts.result.unit]))
    cases = table.groupby(keys, sort=False).agg({"y_true": "first", **dict.fromkeys(names, "mean")})
    found = calibration_summary(cases["y_true"], cases[names].to_numpy(), facts.result.classes)
    return Section(
        "Calibration",
        f"The probabilities are those of {counted(len(cases), facts.result.unit)} in the test "
        f"sets. With few {facts.result.unit}s, the calibration error is above 0 even for perfect "
        "probabilities.",
        facts=[
            ("Brier score (0 to 2)", f"{found['brier']:.3f}"),
            ("Log loss", f"{found['log_loss']:.3f}"),
            ("Mean highest probability", f"{found['confidence']:.2f}"),
            ("Accuracy", f"{found['accuracy']:.2f}"),
            ("Calibration error", f"{found['calibration_error']:.3f}"),
            ("Spiegelhalter's test", _p_text(found["spiegelhalter_p"])),
        ],
    )


def _p_text(p: float) -> str:
    return "not defined" if np.isnan(p) else f"p = {p:.2g}"


def _failures(facts: Facts) -> Section:
    result, name = facts.result, facts.name
    listed = [("Failed fits", _failed_fits(facts))]
    tables = []
    if not facts.is_regression:
        title = f"{result.unit.capitalize()}s with a wrong diagnosis (true class)"
        listed.append((title, _wrong(facts)))
        matrix = pd.DataFrame(result.confusion(name)).rename_axis(index="true \\ predicted")
        matrix.columns = [str(c) for c in matrix.columns]
        tables.append(("Confusion matrix", matrix))
    return Section("Failures", facts=listed, tables=tables, blanks=["Reasons for wrong diagnoses"])


def _failed_fits(facts: Facts) -> str:
    errors = facts.result.errors.items()
    failed = [text.strip() for (pipeline, _), text in errors if pipeline == facts.name]
    reasons = dict.fromkeys(text.splitlines()[-1] for text in failed if text)
    n_fits = len(failed) + facts.predictions["fold"].nunique()
    return "; ".join([f"{len(failed)} of {n_fits}", *reasons])


def _wrong(facts: Facts) -> str:
    """List the subjects (or units) with a wrong diagnosis in any fold, and their true class."""
    wrong = diagnoses(facts.result, facts.name).query("value < 1")
    keys = list(dict.fromkeys(["subject", facts.result.unit]))
    names: Any = wrong[keys].astype(str).agg(" ".join, axis=1) if len(wrong) else []
    shown = [f"{name} ({y})" for name, y in zip(names, wrong["y_true"])]
    return first_few(shown, _MAX_NAMED) or "none"


def _reproduction(facts: Facts) -> Section:
    record, name = facts.record, facts.name
    seeds = record.seeds[record.seeds["pipeline"] == name]
    texts = [f"{part} {value}" for part, value in zip(seeds["part"], seeds["value"])]
    cpu = record.cpu_seconds.get(name, np.nan)
    return Section(
        "Reproduction",
        facts=[
            ("Date", record.date),
            ("Versions", ", ".join(f"{n} {v}" for n, v in record.versions.items())),
            ("Seed of the comparison", record.protocol["seed"]),
            ("Seeds of the pipeline", ", ".join(texts) or "no step has a seed"),
            ("CPU time", "not measured" if np.isnan(cpu) else f"{cpu:.1f} s in all folds"),
        ],
        blanks=["Code and data, with links"],
    )
