"""Compare pipelines on the same subjects, split by subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import FitFailedWarning
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from sklearn_emg._tables import ReadableTable, counted
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_integer
from sklearn_emg._warnings import warn, warned_once
from sklearn_emg.comparison._adapting import adapted_curves, sizes_up_to
from sklearn_emg.comparison._checks import (
    checked_target,
    diagnosed_unit,
    named_pipelines,
    positive_class,
    refuse_of_classifiers,
    refuse_pretrained,
    refuse_scorers_of_rows,
    scorers_of,
    subject_splits,
    task_of,
)
from sklearn_emg.comparison._number_scores import NumberScoring
from sklearn_emg.comparison._prognosis import is_prognosis, with_baselines, with_remark
from sklearn_emg.comparison._record._facts import record_run, split_text
from sklearn_emg.comparison._results import Comparison
from sklearn_emg.comparison._runs import (
    LEVELS,
    Level,
    Outcome,
    killed_outcome,
    run_fold,
    run_tasks,
)
from sklearn_emg.comparison._scores import Scores, Scoring, extra_metrics
from sklearn_emg.comparison._sites import plan_sites, run_across, site_comparison
from sklearn_emg.comparison._stored import kept_tables
from sklearn_emg.metrics import check_confidence
from sklearn_emg.model_selection import RecordingStore, Split, check_contexts, opened_store
from sklearn_emg.recordings import warn_of_repeated_signals


@warned_once()
def compare(
    pipelines: Mapping[str, Any] | BaseEstimator,
    X: pd.DataFrame,
    y: Labels,
    *,
    cv: Any = 5,
    site: str | None = None,
    adapt: int | None = None,
    scoring: Any = None,
    average: str = "macro",
    pos_label: Any = None,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    return_estimator: bool = False,
    n_jobs: int | None = None,
    progress: bool = True,
    random_state: Any = 0,
    store: Any = "auto",
) -> Comparison:
    """Compare pipelines on the same subjects, split by subject.

    All pipelines are fitted and tested on the same folds. Classifiers predict labels. Regressors
    predict numbers, which may differ within a subject. If a pipeline fails in a fold, only the
    result of this pipeline in this fold is missing.

    Parameters
    ----------
    pipelines : estimator, or dict of str to estimator
        Classifiers or regressors of recording tables or feature tables, such as
        :class:`~sklearn_emg.ensemble.DiVoteClassifier` and
        :class:`~sklearn_emg.ensemble.DiVoteRegressor`. If X comes from
        :func:`~sklearn_emg.prognosis.visit_contexts` and the pipelines are regressors, the naive
        baselines of a prognosis are added (last value, own slope, mixed model if statsmodels is
        installed, boosting), and ``remark`` states which pipelines are better than the best of
        these baselines.
    X : DataFrame
        Table with a ``subject`` column.
    y : array-like of shape (n_rows,)
        Label or number of each row. A subject has one label. With the `unit` of a DiVoteClassifier,
        each unit of the subject has one label, and in a table of ``visit_contexts``, each visit.
    cv : int, None, splitter or iterable of (train, test), default=5
        An int means ``SubjectKFold(cv)``, stratified by class or by quantiles of the numbers; None
        means 5 folds. The group splitters of scikit-learn get the subjects as groups. A split with
        a subject on both sides raises an error, except for
        :class:`~sklearn_emg.model_selection.LaterVisitSplit`.
    site : str, default=None
        Column with the site (hospital) of each row. If it is given, each site is tested with a
        model of all other sites and, in addition, in `cv` folds of its own subjects. The number of
        these folds is at most the number of subjects in the smallest class of the site. The
        reference subjects of a :class:`~sklearn_emg.preprocessing.SiteStandardizer` in any of the
        pipelines are scored in neither test.
    adapt : int, default=None
        Largest number of labelled subjects of a site from which the pipelines learn, in addition to
        all other sites, before the other subjects of this site are tested; it requires `site`.
        :func:`~sklearn_emg.adaptation.adaptation_curve` scores the pipelines for 0, 1, 3, 5 ...
        such subjects, as long as a subject of each class remains for the test. The attribute
        ``adaptation`` of the result contains the curve of each site.
    scoring : str, callable, list or dict of these, default=None
        Additional metrics at the level of diagnoses: names that
        :func:`~sklearn_emg.metrics.subject_scorer` accepts, or ``scorer(estimator, X, y)``.
    average : {"macro", "weighted"}, default="macro"
        Average of one-vs-rest F1, precision, sensitivity, specificity and AUROC over classes.
    pos_label : label, default=None
        Label of the class for which the measures of `average` are computed if there are two
        classes. If None, they are averaged over the classes.
    confidence : float, default=0.95
        Confidence level of the intervals.
    n_resamples : int, default=1000
        Number of bootstrap resamples; at most 200 are used for the AUROC, the rank correlation and
        the concordance.
    return_estimator : bool, default=False
        Whether to keep the fitted pipelines in ``estimators``.
    n_jobs : int, default=None
        Number of fits that run in parallel, as in :class:`joblib.Parallel`. With several jobs,
        times and memory are measured while other jobs run.
    progress : bool, default=True
        Whether to show a progress bar.
    random_state : int or RandomState instance, default=0
        Seed of the bootstrap and, with `adapt`, of the draws of subjects. Pipelines and splitters
        have their own seeds.
    store : {"auto"}, path-like, RecordingStore or None, default="auto"
        Place where the results of stateless steps (filters, windows, features) are kept, so that
        all pipelines and folds share them. "auto" keeps them until the end of the call, in memory
        if they fit. A folder or a :class:`~sklearn_emg.model_selection.RecordingStore` keeps them
        for later calls. None computes all steps in each fold, for instance to measure times.

    Returns
    -------
    comparison : Comparison
        Results with ``folds``, ``summary``, ``predictions``, ``errors``, ``chosen_parameters`` and
        ``confusion()``; printing them shows the scores over subjects. With `site`, they are a
        :class:`SiteComparison` with the scores within and across sites.

    Raises
    ------
    ValueError
        If X has no subjects, y lacks labels, a class has too few subjects for the folds, a split
        has a subject on both sides, a part of a pipeline was already fitted on test subjects,
        classifiers and regressors are mixed, pipelines diagnose different units, a parameter is out
        of range, or all fits fail.
    TypeError
        If a pipeline is not an estimator, `cv` cannot be used for splitting, or `scoring` contains
        neither names nor scorers.

    Warns
    -----
    FitFailedWarning
        If a pipeline fails in a fold or in all folds, in which case the message is also in
        ``folds["error"]``, or if a pipeline cannot be adapted to a site or a site has too few
        subjects for this adaptation.
    SubjectLeakWarning
        If a part of a pipeline was fitted before and its training subjects are not known, or a step
        splits the windows of a subject in ``fit``, or recordings of several subjects contain the
        same samples. Each warning is given once, including warnings of worker processes.
    RecordingWarning
        If a subject has the same recording more than once, or a site has too few subjects for folds
        of its own.

    Notes
    -----
    Intervals are computed over subjects: Wilson's interval for the accuracy of
    diagnoses of subjects, and otherwise percentiles of a bootstrap that draws subjects with all
    their predictions. They treat the fitted models as fixed and do not include the variation
    between choices of folds. The AUROC is the mean over folds, since the scores of different models
    have different scales. It is not defined in a fold whose test set lacks a class, and its
    interval resamples subjects within folds and classes. If all resamples give the same value (for
    instance because all predictions are correct), only the accuracy has an interval. Predictions
    that are not labels of y, and probabilities that do not sum to 1, are failures. A class without
    training rows has probability 0. Peak memory is the growth of the resident set of the process
    during fitting and prediction, sampled every 5 ms.

    Steps whose scikit-learn tag ``requires_fit`` is False learn nothing. Such steps of this
    package, at the beginning of a pipeline or of the estimator of a DiVote estimator, run once on
    each recording. This does not change the scores, but the times of fitting and prediction include
    these steps only if no earlier fit has run them.

    A scikit-learn classifier on its own would use all columns of X as features, including the
    subject. This is a failure whose message names the columns. Select the features with a
    ColumnTransformer before the classifier, or put it into ``DiVoteClassifier(window=None)``.

    If a worker process is killed, for instance because of its memory use, its fold is repeated in a
    separate worker. The fold counts as failed if this worker is also killed.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.comparison import compare
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 40)
    >>> X = pd.DataFrame(
    ...     {"rms": rng.normal(size=80) + 2 * (y == "patient"), "subject": np.repeat(range(20), 4)}
    ... )
    >>> result = compare(
    ...     {
    ...         "logistic": DiVoteClassifier(LogisticRegression(), window=None),
    ...         "dummy": DiVoteClassifier(DummyClassifier(), window=None),
    ...     },
    ...     X, y, cv=5, progress=False,
    ... )
    >>> result.table(metrics=["accuracy"])["accuracy"].to_dict()
    {'logistic': '1.00 [0.84, 1.00]', 'dummy': '0.50 [0.30, 0.70]'}
    """
    pipelines = named_pipelines(pipelines)
    # All input is checked before training, which may take hours.
    check_confidence(confidence)
    check_integer(n_resamples, "n_resamples", "compare")
    seed = check_random_state(random_state).randint(2**31 - 1)
    task = task_of(pipelines)
    sizes = sizes_up_to(adapt, site, task)
    if is_prognosis(X) and task == "regression":
        check_contexts(X, "compare")
        pipelines = with_baselines(pipelines)
    y = checked_target(X, y, task)
    scores = _scores_of(y, task, average, pos_label, (confidence, n_resamples, seed))
    diagnosed_unit(pipelines)
    warn_of_repeated_signals(X)
    metrics = scorers_of(scoring, task)
    fit = partial(run_fold, metrics=metrics, keep=return_estimator)
    run = partial(_run, X=X, y=y, n_jobs=n_jobs, progress=progress)
    protocol = {
        "splits": split_text(cv, task),
        "subjects": "in training and test" if getattr(cv, "same_subjects", False) else None,
        "site": site,
        "adapt": adapt,
        "average": average,
        "confidence": confidence,
        "resamples": n_resamples,
        "seed": random_state,
    }
    # Stored as objects, classes that are floats differ from the numbers of a regression.
    kind = float if task == "regression" else object
    record = partial(record_run, pipelines, X, y.astype(kind), protocol=protocol)
    if site is None:
        splits = subject_splits(cv, X, y, task=task)
        with opened_store(store, n_jobs) as opened:
            outcomes = run(pipelines, splits, fit, store=opened)
        result = build_comparison(outcomes, list(pipelines), X, y, scores)
        result = replace(result, record=record(outcomes))
        return with_remark(result, pipelines) if is_prognosis(X) else result
    plan = plan_sites(pipelines, X, y, site, cv, task)
    refuse_scorers_of_rows(metrics, plan.references)
    fit = partial(fit, unscored=plan.unscored)
    fit_across = partial(run_across, **fit.keywords)
    within = None
    with opened_store(store, n_jobs) as opened:
        run = partial(run, store=opened)
        found = {"across": run(plan.pipelines, plan.across, fit_across, desc="across sites")}
        across = build_comparison(found["across"], list(pipelines), X, y, scores)
        if plan.within:
            found["within"] = run(pipelines, plan.within, fit, desc="within sites")
            within = build_comparison(found["within"], list(pipelines), X, y, scores)
    result = site_comparison(across, within, plan, found, scores)
    done = [outcome for part in found.values() for outcome in part]
    curves = adapted_curves(pipelines, X, y, site, sizes, scores)
    return replace(result, record=record(done, extra=(site,)), adaptation=curves)


def _scores_of(
    y: NDArray, task: str, average: str, pos_label: Any, intervals: tuple[float, int, int]
) -> Scores:
    """Return the object that computes the scores of a task and their intervals."""
    if task == "regression":
        refuse_of_classifiers(average=average != "macro", pos_label=pos_label)
        return NumberScoring(*intervals)
    classes = np.unique(y)
    return Scoring(classes, average, positive_class(pos_label, classes, average), *intervals)


def _run(
    pipelines: dict[str, Any],
    splits: list[Split],
    fit: Callable[..., Outcome],
    *,
    X: pd.DataFrame,
    y: NDArray,
    n_jobs: int | None,
    progress: bool,
    store: RecordingStore | None,
    desc: str = "compare",
) -> list[Outcome]:
    """Fit and test each pipeline on each split; a failure becomes an outcome with a warning."""
    for name, estimator in pipelines.items():
        refuse_pretrained(estimator, X, splits, name=name)
    outcomes = []
    tables = kept_tables(pipelines, X, store)
    tasks = [
        (name, estimator, tables[name], y, fold, split)
        for fold, split in enumerate(splits)
        for name, estimator in pipelines.items()
    ]
    results = run_tasks(fit, tasks, n_jobs=n_jobs)
    bar = tqdm(results, total=len(tasks), desc=desc, unit="fit", disable=not progress)
    # The bar is the first argument, so that zip exhausts and closes it.
    for result, (name, _, _, _, fold, _) in zip(bar, tasks):
        outcome = result if isinstance(result, Outcome) else killed_outcome(name, fold, result)
        outcomes.append(outcome)
        if outcome.error:
            warn(f"{name} failed in fold {fold}: {outcome.error}", FitFailedWarning)
    _refuse_failures(outcomes, list(pipelines), len(splits))
    return outcomes


def _refuse_failures(outcomes: list[Outcome], names: list[str], n_folds: int) -> None:
    """Raise an error if all pipelines failed in all folds; warn if some did."""
    first = {o.pipeline: o for o in reversed(outcomes)}
    done = {o.pipeline for o in outcomes if not o.error}
    failed = [name for name in names if name not in done]
    folds = "the only fold" if n_folds == 1 else f"all {n_folds} folds"
    reasons = "; ".join(f"{name!r}: {first[name].error}" for name in failed)
    if len(failed) == len(names):
        error = ValueError(f"Nothing to compare: every fit failed in {folds}. {reasons}")
        error.add_note(first[names[0]].details)
        raise error
    if failed:
        warn(
            f"{counted(len(failed), 'pipeline')} of {len(names)} failed in {folds}: there are no "
            f"results for {'this pipeline' if len(failed) == 1 else 'these pipelines'}. {reasons}",
            FitFailedWarning,
        )


def build_comparison(
    outcomes: list[Outcome], names: list[str], X: pd.DataFrame, y: NDArray, scoring: Scores
) -> Comparison:
    """Build the tables of a comparison from finished runs.

    Parameters
    ----------
    outcomes : list of Outcome
        Outcome of each pipeline and fold, including failures.
    names : list of str
        Names of the pipelines, in the order of the tables.
    X : DataFrame with a ``subject`` column
        Table that was compared.
    y : ndarray of shape (n_rows,)
        Label or number of each row.
    scoring : Scoring or NumberScoring
        Settings of the scores.

    Returns
    -------
    comparison : Comparison
        Results of all runs.
    """
    done = [o for o in outcomes if not o.error]
    folds = _fold_table(outcomes, scoring)
    summary = [row for name in names for row in scoring.summarise(outcomes, name, folds)]
    unit = done[0].unit if done else "subject"
    # The array has objects, since a subject may be a tuple.
    subjects = pd.Series(list(dict.fromkeys(X["subject"])), dtype=object).to_numpy()
    predictions = _prediction_table(done, unit, subjects, scoring.classes)
    return Comparison(
        folds,
        ReadableTable(summary),
        predictions,
        {(o.pipeline, o.fold): o.details for o in outcomes if o.error},
        scoring.classes,
        _chance_level(X, y, unit, predictions, scoring.task),
        scoring.confidence,
        unit,
        _choice_table(done),
        _confusion_table(done, scoring),
        {(o.pipeline, o.fold): o.estimator for o in done if o.estimator is not None},
        scoring.task,
        **_of_networks(done),
    )


def _of_networks(done: list[Outcome]) -> dict[str, Any]:
    """Return the sizes and training histories of the networks in the pipelines."""
    held: dict[str, int] = {}
    for o in done:
        if o.numbers_held:
            held[o.pipeline] = max(o.numbers_held, held.get(o.pipeline, 0))
    rows = [{"pipeline": o.pipeline, "fold": o.fold, **row} for o in done for row in o.history]
    return {"numbers_held": held, "training_history": ReadableTable(pd.DataFrame(rows))}


def _fold_table(outcomes: list[Outcome], scoring: Scores) -> pd.DataFrame:
    """Build a table with one row per fit and level, or per failure."""
    empty = dict.fromkeys([*scoring.metrics, *extra_metrics(outcomes)], np.nan)
    rows = []
    for outcome in outcomes:
        head = {"pipeline": outcome.pipeline, "fold": outcome.fold}
        measured = {
            "n_train": outcome.n_train,
            "fit_seconds": outcome.fit_seconds,
            "predict_ms_per_recording": outcome.predict_ms,
            "peak_memory_mb": outcome.peak_memory_mb,
        }
        if outcome.error:
            last = {"note": "", "error": outcome.error}
            rows.append({**head, "level": "subject", "n_scored": 0, **empty, **measured, **last})
        for level, cases in _levels(outcome):
            values = {**empty, **scoring.fold_scores(cases)}
            values |= outcome.scores if level == "subject" else {}
            place = {**head, "level": level, "n_scored": len(cases.y_true)}
            rows.append({**place, **values, **measured, "note": scoring.reason(cases), "error": ""})
    return pd.DataFrame(rows)


def _levels(outcome: Outcome) -> list[tuple[str, Level]]:
    """Return the names and levels of a finished run, from windows to subjects."""
    if outcome.error:
        return []
    return [(level, outcome.levels[level]) for level in LEVELS if level in outcome.levels]


def _confusion_table(done: list[Outcome], scoring: Scores) -> pd.DataFrame:
    """Count windows, recordings and diagnoses of each run by true and predicted class."""
    if not isinstance(scoring, Scoring):
        return pd.DataFrame()
    classes = scoring.classes.tolist()
    pairs = [(true, predicted) for true in classes for predicted in classes]
    rows = [
        (outcome.pipeline, outcome.fold, level, *pair, n)
        for outcome in done
        for level, cases in _levels(outcome)
        for pair, n in zip(pairs, scoring.matrix(cases).ravel().tolist())
    ]
    return pd.DataFrame(rows, columns=["pipeline", "fold", "level", "y_true", "y_pred", "n"])


def _choice_table(done: list[Outcome]) -> pd.DataFrame:
    """Build a table with one row per parameter that a search chose in a run."""
    rows = [(o.pipeline, o.fold, *chosen) for o in done for chosen in o.chosen]
    return ReadableTable(rows, columns=["pipeline", "fold", "search", "parameter", "value"])


def _prediction_table(
    done: list[Outcome], unit: str, subjects: NDArray[Any], classes: NDArray[Any]
) -> pd.DataFrame:
    """Build a table with one row per run and diagnosis."""
    if not done:
        columns = dict.fromkeys(["pipeline", "fold", "subject", unit, "y_true", "y_pred"])
        return pd.DataFrame(columns=list(columns))
    frames = [_diagnoses(outcome, subjects, classes) for outcome in done]
    return pd.concat(frames, ignore_index=True)


def _diagnoses(outcome: Outcome, names: NDArray[Any], classes: NDArray[Any]) -> pd.DataFrame:
    """Build a table with one row per diagnosis of a run."""
    level = outcome.levels["subject"]
    columns: dict[str, Any] = {
        "pipeline": outcome.pipeline,
        "fold": outcome.fold,
        "subject": names[level.subject],
    }
    if level.unit is not None:
        columns[outcome.unit] = level.unit
    frame = pd.DataFrame({**columns, "y_true": level.y_true, "y_pred": level.y_pred})
    if level.proba is not None:
        frame[[f"probability_{c}" for c in classes]] = level.proba
    return frame


def _chance_level(
    X: pd.DataFrame, y: NDArray, unit: str, predictions: pd.DataFrame, task: str
) -> float:
    """Compute the fraction of the largest class, or the standard deviation of the true numbers."""
    if task == "regression":
        cases = predictions.drop_duplicates(list(dict.fromkeys(["subject", unit])))
        return float(cases["y_true"].astype(float).std(ddof=0))
    if unit == "subject" or unit in X.columns:
        keys = X[list(dict.fromkeys(["subject", unit]))]
        labels = dict(zip(zip(*(keys[c] for c in keys)), y.tolist()))
    else:  # a step of the pipelines has created the column
        keys = predictions[["subject", unit]]
        labels = dict(zip(zip(*(keys[c] for c in keys)), predictions["y_true"]))
    return float(pd.Series(list(labels.values())).value_counts(normalize=True).max())
