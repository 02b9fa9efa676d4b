"""Permutation importance of families of features on subjects that the model has not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Self

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from sklearn_emg._sklearn import Interval, StrOptions, safe_indexing, validated
from sklearn_emg._validation import check_one_per_row
from sklearn_emg.feature_extraction import feature_facts, info_of
from sklearn_emg.inspection._plot import COLORS, HATCHES, legend_outside, panels, tidy
from sklearn_emg.metrics import refuse_metric_function, subject_scorer
from sklearn_emg.model_selection import (
    SubjectKFold,
    assert_no_shared_subject,
    check_not_pretrained_on,
)
from sklearn_emg.recordings import feature_columns, is_recording_table, object_column

Scorer = Callable[[Any, Any, ArrayLike], float]


@dataclass(eq=False)
class FamilyImportanceDisplay:
    """Importance of families of features, with a bar for the mean and a point for each fold.

    :func:`family_importance` returns this object, and :meth:`plot` draws it.

    Parameters
    ----------
    folds : DataFrame
        One row per family, fold and repeat, with the columns ``family``, ``fold``, ``repeat``,
        ``score`` and ``importance``. ``score`` is the score of the fold without permutation, and
        ``importance`` is this score minus the score with the family permuted.
    summary : DataFrame
        One row per family, with the most important first. ``n_features`` is the number of features,
        ``importance`` the mean importance over folds, and ``std`` the standard deviation of the
        means of the folds.
    families : dict of str to list of str
        Columns of each family.
    score : str, default="balanced accuracy of subjects"
        Name of the score in the axis label.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    ax_ : matplotlib Axes
        Axes of the plot.
    bars_ : BarContainer
        Mean importance of each family.
    points_ : list of Line2D
        Means of the folds of each family.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.inspection import FamilyImportanceDisplay
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 40)
    >>> X = pd.DataFrame(rng.normal(size=(80, 2)), columns=["rms", "mdf"])
    >>> X["rms"] += 3 * (y == "patient")
    >>> X["subject"] = np.arange(80) // 4
    >>> model = DiVoteClassifier(LogisticRegression(), window=None)
    >>> display = FamilyImportanceDisplay.from_estimator(
    ...     model, X, y, progress=False, random_state=0
    ... ).plot()
    >>> [text.get_text() for text in display.ax_.get_yticklabels()]
    ['time (1)', 'spectral (1)']
    """

    folds: pd.DataFrame
    summary: pd.DataFrame
    families: dict[str, list[str]]
    score: str = "balanced accuracy of subjects"

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: pd.DataFrame, y: ArrayLike, **settings: Any
    ) -> FamilyImportanceDisplay:
        """Compute the importance and create the display from it.

        Parameters
        ----------
        estimator : classifier
            Classifier of feature tables.
        X : DataFrame
            Feature table with a ``subject`` column, one row per window or recording.
        y : array-like of shape (n_rows,)
            Label of each row.
        **settings
            Further parameters of :func:`family_importance`.

        Returns
        -------
        display : FamilyImportanceDisplay
            Object that stores the values to plot.
        """
        return family_importance(estimator, X, y, **settings)

    @classmethod
    def from_importance(
        cls, importance: FamilyImportanceDisplay, *, score: str = "balanced accuracy of subjects"
    ) -> FamilyImportanceDisplay:
        """Create the display from an existing importance.

        Parameters
        ----------
        importance : FamilyImportanceDisplay
            Result of :func:`family_importance`.
        score : str, default="balanced accuracy of subjects"
            Name of the score in the axis label.

        Returns
        -------
        display : FamilyImportanceDisplay
            Object that stores the values to plot.
        """
        return replace(importance, score=score)

    def plot(self, ax: Any = None) -> Self:
        """Draw the importance of the families, with the most important at the top.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw in. By default, a new figure is created.

        Returns
        -------
        display : FamilyImportanceDisplay
            The same object, with the drawn artists as attributes.
        """
        summary, folds = self.summary, self.folds
        self.figure_, axes = panels(
            ax, 1, 1, "FamilyImportanceDisplay.plot", figsize=(6.4, 1.4 + 0.4 * len(summary))
        )
        self.ax_ = axis = axes[0]
        place = np.arange(len(summary))
        self.bars_ = axis.barh(
            place,
            summary["importance"],
            height=0.6,
            color="white",
            edgecolor=COLORS[0],
            hatch=HATCHES[1],
        )
        means = folds.groupby(["family", "fold"])["importance"].mean()
        self.points_ = []
        for k, family in enumerate(summary.index):
            values = means[family].to_numpy()
            side = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else np.zeros(1)
            self.points_ += axis.plot(
                values, k + side, "o", ms=4.5, color="black", mfc="white", label="a fold"
            )
        axis.axvline(0, color="black", lw=0.8)
        names = [f"{name} ({n})" for name, n in zip(summary.index, summary["n_features"])]
        axis.set_yticks(place, names)
        axis.invert_yaxis()
        axis.set_ylabel("family (features)")
        axis.set_xlabel(f"decrease of the {self.score} by permutation")
        legend_outside(axis, "above right", handles=self.points_[:1])
        tidy(axes)
        return self


@validated(
    X=[pd.DataFrame],
    families=[StrOptions({"domain", "feature"}), Mapping],
    scoring=[callable, None],
    n_repeats=[Interval(Integral, 1, None, closed="left")],
    n_jobs=[Integral, None],
    random_state=["random_state"],
)
def family_importance(
    estimator: Any,
    X: pd.DataFrame,
    y: ArrayLike,
    *,
    families: str | Mapping[str, Sequence[str]] = "domain",
    cv: Any = 5,
    scoring: Scorer | None = None,
    n_repeats: int = 5,
    n_jobs: int | None = None,
    progress: bool = True,
    random_state: int | np.random.RandomState | None = None,
) -> FamilyImportanceDisplay:
    """Compute the permutation importance of families of features by subject-wise cross-validation.

    In each fold, a clone is fitted on the training subjects. The columns of one family are then
    permuted together among the test rows. The resulting decrease in the score on the test subjects
    is the importance of the family.

    Parameters
    ----------
    estimator : classifier
        Classifier of feature tables, such as a :class:`~sklearn_emg.ensemble.DiVoteClassifier` with
        ``window=None``.
    X : DataFrame
        Feature table with a ``subject`` column, one row per window or recording.
    y : array-like of shape (n_rows,)
        Label of each row.
    families : {"domain", "feature"} or mapping of str to list of str, default="domain"
        "domain" uses the families of this package ("time", "spectral", ...), which
        :func:`~sklearn_emg.feature_extraction.feature_table` lists, and "other" for all other
        numeric features. "feature" treats each of these columns as a family. A mapping names the
        columns of each family.
    cv : int or splitter, default=5
        An int stands for ``SubjectKFold(cv)``. A splitter must not put a subject into both the
        training and the test set.
    scoring : callable ``scorer(estimator, X, y)``, default=None
        Scoring function. By default, it is ``subject_scorer("balanced_accuracy")``, which counts
        subjects. If a fold has few subjects, this score changes in large steps, unlike
        ``subject_scorer("neg_log_loss")``.
    n_repeats : int, default=5
        Number of permutations of each family in each fold.
    n_jobs : int, default=None
        Number of folds that run in parallel.
    progress : bool, default=True
        Whether to show a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations.

    Returns
    -------
    importance : FamilyImportanceDisplay
        Importance in each fold and its summary. Its ``plot`` draws them.

    Raises
    ------
    ValueError
        If a family names unknown columns or no columns, if a subject is in both the training and
        the test set of a split, if a part of the estimator was already fitted on test subjects, or
        if X has no ``subject`` column or is a recording table.

    Notes
    -----
    Features with the same information can replace each other. A useful family may therefore have no
    importance if another family contains the same information. Columns that are in no family are
    not permuted.

    References
    ----------
    L. Breiman, "Random forests", Machine Learning 45 (2001) 5-32.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.inspection import family_importance
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 40)
    >>> X = pd.DataFrame(rng.normal(size=(80, 3)), columns=["rms", "mdf", "mnf"])
    >>> X["rms"] += 3 * (y == "patient")
    >>> X["subject"] = np.arange(80) // 4
    >>> model = DiVoteClassifier(LogisticRegression(), window=None)
    >>> found = family_importance(model, X, y, progress=False, random_state=0)
    >>> found.summary["importance"].round(1).to_dict()
    {'time': 0.5, 'spectral': 0.0}
    """
    y = check_one_per_row(y, len(X), "family_importance")
    named = _families(families, X, y)
    rng = check_random_state(random_state)
    if isinstance(cv, Integral):
        cv = SubjectKFold(int(cv))
    splits = list(cv.split(X, y))
    for train, test in splits:
        assert_no_shared_subject(X, train, test)
    subjects = object_column(X["subject"])
    check_not_pretrained_on(estimator, [subjects[test] for _, test in splits])
    scorer = subject_scorer("balanced_accuracy") if scoring is None else scoring
    refuse_metric_function(scorer, "The 'scoring' of family_importance")
    parts = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_one_fold)(estimator, X, y, fold, split, named, scorer, n_repeats, seed)
        for fold, (split, seed) in enumerate(zip(splits, rng.randint(2**31 - 1, size=len(splits))))
    )
    bar = tqdm(parts, "family importance", len(splits), unit="fold", disable=not progress)
    folds = pd.DataFrame([row for part in bar for row in part])
    by_fold = folds.groupby(["family", "fold"])["importance"].mean().groupby("family")
    summary = pd.DataFrame(
        {
            "n_features": {name: len(columns) for name, columns in named.items()},
            "importance": by_fold.mean(),
            "std": by_fold.std(ddof=1),
        }
    ).sort_values("importance", ascending=False, kind="stable")
    return FamilyImportanceDisplay(folds, summary.rename_axis("family"), named)


def _families(
    families: str | Mapping[str, Sequence[str]], X: pd.DataFrame, y: NDArray
) -> dict[str, list[str]]:
    """Return the columns of each family."""
    if isinstance(families, Mapping):
        return _named_families(families, X)
    if is_recording_table(X):
        raise ValueError(
            "family_importance takes a feature table, but X is a recording table. Compute its "
            "features, for example with EMGFeatures().set_output(transform='pandas')"
            ".fit_transform(X), and join the 'subject' column."
        )
    include = "name it in a family of 'families'"
    columns = [
        c for c in feature_columns(X, y, include=include) if pd.api.types.is_numeric_dtype(X[c])
    ]
    if not columns:
        raise ValueError("X of family_importance has no numeric feature columns.")
    if families == "feature":
        return {str(c): [c] for c in columns}
    known = feature_facts()
    named: dict[str, list[str]] = {}
    for column in columns:
        info = info_of(column, known)
        named.setdefault("other" if info is None else info["domain"], []).append(column)
    return named


def _named_families(families: Mapping[str, Sequence[str]], X: pd.DataFrame) -> dict[str, list[str]]:
    named = {str(name): list(columns) for name, columns in families.items()}
    unknown = [c for columns in named.values() for c in columns if c not in X.columns]
    if unknown or not named or not all(named.values()):
        raise ValueError(
            "Each of the 'families' of family_importance must name columns of X, at least one. "
            f"Got {unknown or named}, but X has {list(X.columns)}."
        )
    return named


def _one_fold(
    estimator: Any,
    X: pd.DataFrame,
    y: NDArray,
    fold: int,
    split: tuple[NDArray[np.intp], NDArray[np.intp]],
    families: dict[str, list[str]],
    scorer: Scorer,
    n_repeats: int,
    seed: int,
) -> list[dict[str, Any]]:
    train, test = split
    model = clone(estimator).fit(safe_indexing(X, train), y[train])
    X_test, y_test = safe_indexing(X, test), y[test]
    score = scorer(model, X_test, y_test)
    rng = check_random_state(seed)
    rows = []
    for family, columns in families.items():
        for repeat in range(n_repeats):
            mixed = X_test.copy()
            order = rng.permutation(len(mixed))
            mixed[columns] = X_test[columns].iloc[order].set_axis(mixed.index)
            decrease = score - scorer(model, mixed, y_test)
            rows.append(
                {
                    "family": family,
                    "fold": fold,
                    "repeat": repeat,
                    "score": score,
                    "importance": decrease,
                }
            )
    return rows
