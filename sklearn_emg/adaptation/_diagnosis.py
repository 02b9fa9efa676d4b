"""Estimator that adapts a system to a new site or patient with references or labels."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from sklearn_emg._sklearn import POSITIVE, HasPredict, Integral, Interval, StrOptions, last_of
from sklearn_emg._tables import columns_text
from sklearn_emg._typing import Labels
from sklearn_emg._warnings import warned_once
from sklearn_emg.ensemble import (
    UPDATES,
    DiVoteClassifier,
    learn_references,
    refuse_unknown_labels,
    through_transformers,
    train_further,
    transformers_of,
    with_last,
)
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.model_selection import labels_of_rows
from sklearn_emg.preprocessing import SiteStandardizer
from sklearn_emg.recordings import (
    METADATA_COLUMNS,
    SubjectMemory,
    groups_of,
    object_column,
    refuse_missing_labels,
    subject_names,
    training_subjects,
    warn_of_known_subjects,
    warn_of_other_order,
)


def _system_has(method: str) -> Any:
    def check(self: AdaptiveDiagnosis) -> bool:
        model = getattr(self, "estimator_", self.estimator)
        return hasattr(model, method)

    return check


class AdaptiveDiagnosis(ClassifierMixin, MetaEstimatorMixin, SubjectMemory, BaseEstimator):
    """Adapt a system to a new site or patient with unlabelled references or a few labels.

    ``fit`` trains the system on the source. ``calibrate`` takes unlabelled recordings of healthy
    reference subjects of a new site, or rest or reference contractions of a new patient, and uses
    their statistics to standardise the features. ``partial_fit`` takes labelled recordings. It
    trains a network further or fits the classifier again on old and new recordings. Transformers
    stay as they were fitted, apart from the statistics of the new site.

    Parameters
    ----------
    estimator : estimator object
        A DiVoteClassifier, a Pipeline that ends with one, or another classifier of this package or
        scikit-learn, alone or at the end of a Pipeline. To adapt a fitted system, wrap it as
        ``FrozenEstimator(system)``. The system itself stays unchanged, and a copy of it adapts.
    update : {"auto", "refit", "fine_tune", "final"}, default="auto"
        What ``partial_fit`` does.

        - "refit": the last classifier is fitted on the features of all recordings, both the
          recordings of ``fit`` and the new ones. In DiVote, the window classifier and the final
          classifier are both fitted.
        - "fine_tune": the last classifier is trained further on the new recordings by its own
          ``partial_fit``. In DiVote, this is the window classifier, and the final classifier is
          fitted on old and new subjects.
        - "final": only the final classifier of DiVote is fitted, on old and new subjects.
        - "auto": "fine_tune" if the last classifier (in DiVote, the window classifier) has
          ``partial_fit``, as networks do; otherwise "refit".
    weight : float, default=1.0
        Weight of a new recording relative to a recording of ``fit``. "fine_tune" does not use it to
        train the last classifier, which sees only the new recordings.
    n_epochs : int, default=5
        Number of passes of "fine_tune" over the new recordings.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    estimator_ : estimator object
        The adapted system.
    subjects_ : ndarray of shape (n_subjects,) or None
        Identities of all subjects that ``fit`` and ``partial_fit`` trained on. A network that is
        trained further holds out no subjects for validation.
    reference_subjects_ : ndarray of shape (n_references,)
        Identities of the subjects whose recordings ``calibrate`` used to standardise a site. They
        must not serve as test subjects.
    update_ : {"refit", "fine_tune", "final"}
        What ``partial_fit`` does.
    n_features_in_ : int
        Number of features. It exists only if the system was fitted on an array or a feature table.

    Raises
    ------
    ValueError
        If the label of a new recording is not in ``classes_``; if a new recording differs from the
        recordings of ``fit`` in sampling rate or number of channels; if ``calibrate`` finds no
        SiteStandardizer; or if "refit" lacks the recordings of ``fit``, which a frozen system does
        not contain.

    Warns
    -----
    SubjectLeakWarning
        If predicted subjects were used for training or to standardise a site.

    See Also
    --------
    adaptation_curve : Accuracy as a function of the number of local subjects.
    prequential_score : Tests each new subject before learning from it.
    sklearn_emg.preprocessing.SiteStandardizer : Standardises with the references of a site.
    sklearn_emg.neural_network.TransferClassifier : Fine-tunes networks with frozen layers.

    Notes
    -----
    "refit" keeps the recordings of ``fit`` in memory and in pickles of this object. To share a
    system without these recordings, save ``estimator_`` with
    :func:`~sklearn_emg.deployment.save_model`. Each ``partial_fit`` with "refit" computes the
    features of all recordings again unless the steps cache them
    (:class:`~sklearn_emg.model_selection.CachedTransformer`).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.adaptation import AdaptiveDiagnosis
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.preprocessing import SiteStandardizer
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["healthy", "myopathy"], 10)
    >>> rms = rng.normal(size=20) + 3 * (y == "myopathy")
    >>> rome = pd.DataFrame({"rms": rms, "subject": range(20), "site": "Rome", "group": y})
    >>> oslo = rome.assign(rms=5 + 2 * rms, subject=range(20, 40), site="Oslo")
    >>> divote = DiVoteClassifier(LogisticRegression(), window=None, final_estimator=None)
    >>> model = AdaptiveDiagnosis(make_pipeline(SiteStandardizer(), divote)).fit(rome, y)
    >>> healthy, patients = oslo[:5].drop(columns="group"), oslo[12:].drop(columns="group")
    >>> model.calibrate(healthy).predict(patients).tolist() == y[12:].tolist()
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasPredict()],
        "update": [StrOptions({"auto", *UPDATES})],
        "weight": [POSITIVE],
        "n_epochs": [Interval(Integral, 1, None, closed="left")],
    }

    update_: str
    _rows: list[tuple[Any, NDArray[Any], Any, float]]

    def __init__(
        self,
        estimator: Any,
        *,
        update: Literal["auto", "refit", "fine_tune", "final"] = "auto",
        weight: float = 1.0,
        n_epochs: int = 5,
    ) -> None:
        self.estimator = estimator
        self.update = update
        self.weight = weight
        self.n_epochs = n_epochs

    # ------------------------------------------------------------------ source

    @warned_once()
    def fit(self, X: Any, y: Labels, groups: Labels | None = None) -> Self:
        """Train the system on the source, unless it is frozen.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, ...)
            Recordings or features in a form that `estimator` accepts. For a frozen system, give
            the recordings that it was trained on; "refit" needs them.
        y : array-like of shape (n_rows,)
            Label of each row.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row, for an X without a ``subject`` column.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._validate_params()
        frozen = isinstance(self.estimator, FrozenEstimator)
        if frozen:
            self._take_frozen()
        else:
            model = clone(self.estimator)
            model.fit(X, y, **self._groups_for(model, groups))
            self._start(model)
        self._remember_subjects(X, groups, go_on=frozen)
        labels = labels_of_rows(y, len(np.asarray(y)))
        self._rows = [(X, labels, groups, 1.0)] if self.update_ == "refit" else []
        return self

    def _take_frozen(self) -> None:
        """Start from a copy of the frozen system and the training subjects stored in it."""
        check_is_fitted(self.estimator)
        self._start(copy.deepcopy(self.estimator.estimator))
        known, _ = training_subjects(self.estimator_)
        self.subjects_ = object_column(sorted(known, key=str)).to_numpy() if known else None

    def _start(self, model: Any) -> None:
        model = getattr(model, "best_estimator_", model)
        if not is_classifier(model):
            raise ValueError(
                f"The 'estimator' parameter of {type(self).__name__} must be a classifier. Got "
                f"{model!r:.60}."
            )
        self.estimator_ = model
        self.classes_ = np.asarray(model.classes_)
        self.reference_subjects_ = np.array([], dtype=object)
        self._references: pd.DataFrame | None = None
        self._rows = []
        self.update_ = self.update
        if self.update == "auto":
            last = last_of(model)
            inner = last_of(last.estimator_) if isinstance(last, DiVoteClassifier) else last
            self.update_ = "fine_tune" if hasattr(inner, "partial_fit") else "refit"
        for name in ("n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
            if hasattr(model, name):
                setattr(self, name, getattr(model, name))

    @staticmethod
    def _groups_for(model: Any, groups: Labels | None) -> dict[str, Any]:
        """Return the ``fit`` parameter that passes subjects to the last predictor, if any."""
        if groups is None or not has_fit_parameter(last_of(model), "groups"):
            return {}
        if get_config()["enable_metadata_routing"]:
            return {"groups": groups}
        path = ""
        while isinstance(model, Pipeline):
            path, model = f"{path}{model.steps[-1][0]}__", model.steps[-1][1]
        return {f"{path}groups": groups}

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_") or self._is_frozen_system()

    def _is_frozen_system(self) -> bool:
        return isinstance(self.estimator, FrozenEstimator)

    def _begin(self) -> None:
        """Take a frozen system if ``fit`` was not called; check that there is a fitted system."""
        if not hasattr(self, "estimator_") and self._is_frozen_system():
            self._validate_params()
            self._take_frozen()
        check_is_fitted(self, "estimator_")

    # ------------------------------------------------------------------ adaptation

    @warned_once()
    def calibrate(self, X: Any) -> Self:
        """Standardise a new site or patient with unlabelled reference recordings.

        Parameters
        ----------
        X : DataFrame
            Recordings of the references, with the columns of ``fit`` that name the site and the
            subject. They are recordings of healthy subjects of a site or, if the `site` of the
            SiteStandardizer is "subject", rest or reference contractions of patients. All rows are
            used as references, in addition to the references of earlier calls.

        Returns
        -------
        self : object
            The calibrated estimator.

        Raises
        ------
        ValueError
            If no step is a SiteStandardizer, if the `reference` of a SiteStandardizer is a list of
            subjects, or if X is not a table or lacks the site column.
        """
        self._begin()
        steps = self._standardizers()
        if not isinstance(X, pd.DataFrame):
            raise ValueError(
                f"calibrate of {type(self).__name__} needs a table with the columns that name the "
                f"site and the subject. Got {type(X).__name__}."
            )
        references, here = self._with_earlier_references(X, steps)
        own = all(step.site == "subject" for step in steps)
        model = self._copied_steps()
        with self._own_warnings():
            self._learn_references(model, here.reset_index(drop=True))
        self.estimator_, self._references = model, references
        if not own:
            names = dict.fromkeys([*self.reference_subjects_, *(subject_names(X) or ())])
            self.reference_subjects_ = object_column(names).to_numpy()
        return self

    def _with_earlier_references(
        self, X: pd.DataFrame, steps: list[SiteStandardizer]
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return all references so far and, separately, the references of the sites in X."""
        sites = dict.fromkeys(step.site for step in steps if step.site is not None)
        if missing := [name for name in sites if name not in X.columns]:
            raise ValueError(
                f"X lacks the {columns_text(missing)}, by which the SiteStandardizer distinguishes "
                "sites."
            )
        marked = X.assign(**{column: True for column in map(_reference_column, steps)})
        kept = [marked] if self._references is None else [self._references, marked]
        references = here = pd.concat(kept, ignore_index=True)
        for name in sites:
            here = here[here[name].isin(marked[name])]
        return references, here

    def has_standardizer(self) -> bool:
        """Return whether a step is a SiteStandardizer, which ``calibrate`` needs.

        Returns
        -------
        has : bool
            True if there is such a step.
        """
        self._begin()
        return bool(self._found_standardizers())

    def reference_columns(self) -> set[str]:
        """Return the columns that mark references for the SiteStandardizers, except ``group``.

        Returns
        -------
        columns : set of str
            Names of the columns.
        """
        self._begin()
        return {_reference_column(step) for step in self._found_standardizers()}

    def _found_standardizers(self) -> list[SiteStandardizer]:
        last = last_of(self.estimator_)
        found = list(transformers_of(self.estimator_))
        if isinstance(last, DiVoteClassifier):
            found += transformers_of(last.estimator_)
        return [step for step in found if isinstance(step, SiteStandardizer)]

    def _standardizers(self) -> list[SiteStandardizer]:
        if not (steps := self._found_standardizers()):
            raise ValueError(
                f"The estimator of {type(self).__name__} has no SiteStandardizer, which learns "
                "from unlabelled references. Put one before the classifier, or adapt to labelled "
                "recordings with partial_fit."
            )
        return steps

    def _copied_steps(self) -> Any:
        """Copy the system, so that it stays unchanged if an adaptation fails."""
        return copy.deepcopy(self.estimator_)

    @staticmethod
    def _learn_references(model: Any, X: pd.DataFrame) -> None:
        learn_references(model, X)
        last = last_of(model)
        if isinstance(last, DiVoteClassifier):
            inner = transformers_of(last.estimator_)
            if any(isinstance(step, SiteStandardizer) for step in inner):
                last.learn_references(through_transformers(model, X))

    @warned_once()
    def partial_fit(
        self,
        X: Any,
        y: Labels,
        classes: Labels | None = None,
        groups: Labels | None = None,
    ) -> Self:
        """Learn from labelled recordings, in addition to the recordings of all earlier calls.

        If there is neither an earlier ``fit`` nor a frozen system, the first call does what
        ``fit`` does.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, ...)
            New recordings in the same form as in ``fit``. If the system has a SiteStandardizer,
            call ``calibrate`` for new sites first.
        y : array-like of shape (n_rows,)
            Label of each row. The labels may belong to a single class.
        classes : array-like of shape (n_classes,), default=None
            All classes, as in scikit-learn's ``partial_fit``. They must be the classes of the first
            fit.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row, for an X without a ``subject`` column.

        Returns
        -------
        self : object
            The adapted estimator.
        """
        if not self.__sklearn_is_fitted__():
            self._check_classes(classes, np.unique(np.asarray(y)))
            return self.fit(X, y, groups)
        self._begin()
        self._check_classes(classes, self.classes_)
        refuse_missing_labels(y)
        warn_of_other_order(X, y, "y")
        self._check_new_rows(X)
        labels = np.asarray(labels_of_rows(y, len(X)))
        refuse_unknown_labels(labels, self.classes_, type(self).__name__)
        model = self._copied_steps()
        with self._own_warnings():
            if self.update_ == "refit":
                model = self._refitted(model, X, labels, groups)
            else:
                self._train_further(model, X, labels, groups)
        self.estimator_ = model
        self._remember_subjects(X, groups, go_on=True)
        return self

    def _check_new_rows(self, X: Any) -> None:
        """Check that X has the type, features and columns of the data of the first fit."""
        is_table = isinstance(X, pd.DataFrame)
        if not is_table and hasattr(self, "n_features_in_"):
            validate_data(self, X, reset=False, skip_check_array=True)
        if not self._rows:
            return
        first = self._rows[0][0]
        if is_table != isinstance(first, pd.DataFrame):
            raise ValueError(
                f"{type(self).__name__} was fitted on {type(first).__name__} but was given "
                f"{type(X).__name__}. Give it data of the type it was fitted on."
            )
        needed = set(first.columns) - (set(METADATA_COLUMNS) - {"subject"}) if is_table else set()
        if missing := sorted(needed.difference(X.columns if is_table else ()), key=str):
            raise ValueError(
                f"X lacks the {columns_text(missing)} seen by {type(self).__name__} in fit."
            )

    def _check_classes(self, classes: Labels | None, first: NDArray[Any]) -> None:
        """Raise an error if the `classes` of ``partial_fit`` differ from those of the first fit."""
        if classes is not None and set(np.unique(classes).tolist()) != set(first.tolist()):
            raise ValueError(
                f"The 'classes' of {type(self).__name__}.partial_fit are "
                f"{np.unique(classes).tolist()}, but the classes of its first fit are "
                f"{first.tolist()}. The first fit needs rows of all classes."
            )

    def _refitted(self, model: Any, X: Any, y: NDArray[Any], groups: Any) -> Any:
        """Fit the last classifier of the system again on old and new rows."""
        if not self._rows:
            raise ValueError(
                f"update='refit' of {type(self).__name__} needs the recordings of the first fit. "
                "Call fit(X, y) with them first (this does not train a frozen system), or set "
                "update='final' or 'fine_tune'."
            )
        given = [*self._rows, (X, y, groups, float(self.weight))]
        weights = np.concatenate([np.full(len(labels), w) for _, labels, _, w in given])
        old_and_new = (
            _joined([rows for rows, *_ in given]),
            np.concatenate([labels for _, labels, *_ in given]),
            _joined_groups([names for _, _, names, _ in given]),
        )
        weighted = {"sample_weight": weights} if (weights != 1).any() else {}
        model = self._with_last_refitted(model, *old_and_new, weighted)
        self._rows = given
        return model

    def _with_last_refitted(
        self, model: Any, X: Any, y: NDArray[Any], groups: Any, weighted: dict[str, Any]
    ) -> Any:
        last, features = last_of(model), through_transformers(model, X)
        if isinstance(last, DiVoteClassifier):
            last.update(features, y, groups, how="refit", **weighted)
            return model
        if weighted and not has_fit_parameter(last, "sample_weight"):
            raise ValueError(
                f"{type(last).__name__} does not accept sample_weight, but the weight of new "
                f"recordings is {self.weight:g}. Set weight=1, or use a classifier that accepts "
                "weights."
            )
        fresh = clone(last)
        names = groups_of(X, groups)
        fresh.fit(features, y, **self._groups_for(fresh, names), **weighted)
        return with_last(model, fresh)

    def _train_further(self, model: Any, X: Any, y: NDArray[Any], groups: Any) -> None:
        last, features = last_of(model), through_transformers(model, X)
        if isinstance(last, DiVoteClassifier):
            weights = None if self.weight == 1 else np.full(len(y), float(self.weight))
            last.update(features, y, groups, weights, how=self.update_, n_epochs=self.n_epochs)
        elif self.update_ == "final":
            raise ValueError(
                f"update='final' of {type(self).__name__} fits the final classifier of a "
                f"DiVoteClassifier, but the system ends with {type(last).__name__}. Set "
                "update='refit' or 'fine_tune'."
            )
        else:
            train_further(last, features, y, self.n_epochs, groups_of(X, groups))

    # ------------------------------------------------------------------ prediction

    @contextmanager
    def _own_warnings(self) -> Iterator[None]:
        """Silence leak warnings of the parts, because this object warns about all subjects."""
        with warnings.catch_warnings():
            for text in (".*were trained on", ".*look like subjects"):
                warnings.filterwarnings("ignore", text, SubjectLeakWarning)
            yield

    def _call(self, method: str, X: Any, groups: Labels | None) -> Any:
        self._begin()
        if (given := subject_names(X, groups)) is not None:
            known = [] if self.subjects_ is None else self.subjects_.tolist()
            everyone = dict.fromkeys([*known, *self.reference_subjects_])
            warn_of_known_subjects(everyone, given, type(self).__name__)
        is_divote = isinstance(last_of(self.estimator_), DiVoteClassifier)
        params = {} if groups is None or not is_divote else {"groups": groups}
        with self._own_warnings():
            return getattr(self.estimator_, method)(X, **params)

    def predict(self, X: Any, groups: Labels | None = None) -> NDArray[Any]:
        """Predict the diagnosis of each row with the adapted system.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, ...)
            Recordings or features in the same form as in ``fit``.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row, for an X without a ``subject`` column.

        Returns
        -------
        y : ndarray of shape (n_rows,)
            Predicted label of each row.

        Warns
        -----
        SubjectLeakWarning
            If subjects of X were used for training or to standardise a site.
        """
        return self._call("predict", X, groups)

    @available_if(_system_has("predict_proba"))
    def predict_proba(self, X: Any, groups: Labels | None = None) -> NDArray[np.floating]:
        """Predict the class probabilities of each row with the adapted system.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, ...)
            Recordings or features in the same form as in ``fit``.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row, for an X without a ``subject`` column.

        Returns
        -------
        probabilities : ndarray of shape (n_rows, n_classes)
            Probabilities, with columns in the order of ``classes_``.

        Warns
        -----
        SubjectLeakWarning
            If subjects of X were used for training or to standardise a site.
        """
        return self._call("predict_proba", X, groups)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags


def _reference_column(step: SiteStandardizer) -> str:
    """Return the column that marks the references of a SiteStandardizer."""
    if not isinstance(step.reference, str):
        raise ValueError(
            "The 'reference' of the SiteStandardizer is a list of subjects, which contains no "
            "subject of a new site. Set it to 'healthy' or to the name of a column of True and "
            "False."
        )
    return "reference" if step.reference in ("healthy", "all") else step.reference


def _joined(parts: list[Any]) -> Any:
    """Join the rows of several calls in one table or array."""
    if all(isinstance(part, pd.DataFrame) for part in parts):
        return pd.concat(parts, ignore_index=True)
    return np.concatenate([np.asarray(part) for part in parts])


def _joined_groups(parts: list[Labels | None]) -> NDArray[Any] | None:
    """Join the subjects of several calls; they must be given for all calls or for none."""
    named = [part is not None for part in parts]
    if any(named) and not all(named):
        raise ValueError(
            "Some calls of fit and partial_fit were given 'groups' and others were not. Give "
            "'groups' or a table with a 'subject' column in every call."
        )
    return np.concatenate([np.asarray(part) for part in parts]) if all(named) else None
