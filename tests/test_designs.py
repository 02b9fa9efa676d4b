"""Random designs in every evaluation: subjects in training and test give a warning or an error.

An estimator inside each model records which rows it learns from and which it scores. Run
``make designs`` for more designs.
"""

import os
import re
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_emg.comparison import compare, leakage_audit, subject_permutation_test
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import LeaveOneSubjectOut, SubjectKFold
from sklearn_emg.neural_network import ALSNetClassifier
from sklearn_emg.recordings import recording_table

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "200"))  # of all evaluations together

SCORED = []  # (rows that a model learned from, rows that it scored)


class Spy(GaussianNB):
    """Records its rows: the last value of a row is the number of the row divided by 1024.

    Parameters
    ----------
    in_sample : bool
        Whether the first scores after a fit are those of the training rows, from which DiVote's
        final classifier learns unless it has a `cv`.
    """

    source_rows = np.arange(0)  # rows of the pretraining, which clones keep

    def __init__(self, in_sample=False):
        super().__init__()
        self.in_sample = in_sample

    def fit(self, X, y):
        self._rows = rows_in(X)
        self._expected = self.in_sample
        return super().fit(X, y)

    def _joint_log_likelihood(self, X):
        rows = rows_in(X)
        if self._expected and np.array_equal(rows, self._rows):
            self._expected = False
        else:
            SCORED.append((np.append(self._rows, self.source_rows), rows))
        return super()._joint_log_likelihood(X)

    def __sklearn_clone__(self):
        copy = type(self)(self.in_sample)
        copy.__dict__.update({k: v for k, v in vars(self).items() if k.startswith("source_")})
        return copy


def rows_in(X):
    return np.rint(np.asarray(X)[:, -1] * 1024).astype(int)


class SpyNet(ALSNetClassifier):
    """A network on tables that also records their rows, from the last sample of each signal."""

    def fit(self, X, y, groups=None):
        self._rows = self.rows_of(X)
        return super().fit(X, y, groups)

    def predict(self, X):
        SCORED.append((self._rows, self.rows_of(X)))
        return super().predict(X)

    def predict_proba(self, X):
        SCORED.append((self._rows, self.rows_of(X)))
        return super().predict_proba(X)

    @staticmethod
    def rows_of(table):
        return rows_in(np.stack(list(table["signal"])))


# ------------------------------------------------------------------ designs

NAMES = {
    "numbers": lambda k: 20 - k,
    "texts": lambda k: f"subject {k}",
    "tuples": lambda k: ("lab", k),
    "both": lambda k: k if k % 2 else f"subject {k}",
    "fractions": lambda k: k + 0.5,
    "days": lambda k: pd.Timestamp("2020-01-01") + pd.Timedelta(days=k),
}

INDEXES = {
    "positions": lambda n: pd.RangeIndex(n),
    "backwards": lambda n: pd.Index(np.arange(n)[::-1]),
    "texts": lambda n: pd.Index([f"row {k}" for k in range(n)]),
    "repeated": lambda n: pd.Index(np.arange(n) // 2),
    "days": lambda n: pd.date_range("2020-01-01", periods=n),
}


@dataclass
class Design:
    """A table, its labels, and the subject of each row as a number from 0."""

    X: pd.DataFrame
    y: np.ndarray
    codes: np.ndarray
    model: object
    pretrained: np.ndarray
    rng: np.random.Generator

    def overlaps(self, folds):
        """Whether a fold scores a subject of its training set or of the pretraining."""
        rows = np.arange(len(self.codes))
        return any(
            np.isin(
                self.codes[rows[test]],
                np.append(self.codes[rows[train]], self.pretrained),
            ).any()
            for train, test in folds
        )

    def leaked(self):
        return any(np.isin(self.codes[scored], self.codes[train]).any() for train, scored in SCORED)


@st.composite
def designs(draw, of_networks=False):
    n_classes = draw(st.integers(2, 3))
    sizes = st.sampled_from([1, 2, 2, 3, 3, 4])
    label = np.repeat(
        np.arange(n_classes), draw(st.lists(sizes, min_size=n_classes, max_size=n_classes))
    )
    n = len(label)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    most = draw(st.integers(1, 4))
    codes = np.repeat(np.arange(n), rng.integers(1, most + 1, size=n))
    codes = np.append(codes, rng.choice(codes, draw(st.integers(0, 3))))
    if draw(st.booleans()):
        codes = rng.permutation(codes)
    name = draw(st.sampled_from(sorted(NAMES)))
    subject = pd.Series([NAMES[name](k) for k in codes], dtype=None if name == "days" else object)
    columns = {"side": rng.choice(["left", "right"], len(codes))}
    recordings = of_networks or draw(st.booleans())
    if recordings:
        signals = rng.normal(size=(len(codes), 20))
        signals[:, 4::5] = np.arange(len(codes))[:, np.newaxis] / 1024  # the last of each window
        X = recording_table(list(signals), fs=100.0, subject=subject.tolist(), **columns)
    else:
        X = pd.DataFrame(
            {
                "x": rng.normal(size=len(codes)),
                "row": np.arange(len(codes)) / 1024,
                **columns,
            }
        )
        X["subject"] = subject
        if draw(st.booleans()):
            X["subject"] = X["subject"].astype("category")
    X.index = INDEXES[draw(st.sampled_from(sorted(INDEXES)))](len(X))
    y = (draw(st.sampled_from([np.array(["als", "control", "myopathy"]), np.arange(3)])))[
        label[codes]
    ]
    if of_networks:
        net = SpyNet(max_epochs=1, validation_fraction=None, random_state=0)
        return Design(X, y, codes, net, np.arange(0), rng)
    before = draw(st.sampled_from([0, 0, 0, 1]))  # subjects of a pretraining
    pretrained = rng.choice(n + 2, before, replace=False)  # some are not in the table
    final = draw(st.sampled_from([None, "logistic"]))
    spy = Spy(in_sample=final is not None)
    if before:
        spy.source_rows = np.flatnonzero(np.isin(codes, pretrained))
        spy.source_, spy.source_subjects_ = True, {NAMES[name](k) for k in pretrained.tolist()}
    model = DiVoteClassifier(
        spy,
        window=0.05 if recordings else None,
        step=None,
        features=None if recordings else ["x", "row"],
        final_estimator=final,
        voting=draw(st.sampled_from(["soft", "hard"])),
        unit=draw(st.sampled_from(["subject", "subject", "side"])),
    )
    return Design(X, y, codes, model, pretrained, rng)


def folds(draw, design):
    """Folds as a list, assigned by subject or by row, as numbers or masks, with rows repeated."""
    rows, rng = np.arange(len(design.codes)), design.rng
    n_folds = draw(st.integers(2, 3))
    assigned = rng.integers(n_folds, size=len(rows))
    fold = assigned[design.codes] if draw(st.booleans()) else assigned
    pairs = [(rows[fold != k], rows[fold == k]) for k in range(n_folds)]
    pairs = [pair for pair in pairs if len(pair[0]) and len(pair[1])] or [(rows, rows)]
    if draw(st.sampled_from([False, False, True])):  # one row more in one training set
        train, test = pairs[0]
        pairs[0] = np.append(train, test[-1]), test
    form = draw(st.sampled_from(["numbers", "masks", "repeated", "as many", "test repeated"]))
    if form == "masks":
        return [(np.isin(rows, train), np.isin(rows, test)) for train, test in pairs]
    if form == "repeated":
        return [(rng.choice(train, 2 * len(train)), test) for train, test in pairs]
    if form == "as many":
        return [(np.resize(train, len(rows)), test) for train, test in pairs]
    if form == "test repeated":
        return [(train, np.append(test, test[0])) for train, test in pairs]
    return pairs


def splitters(draw):
    n_splits = draw(st.integers(2, 3))
    seed = draw(st.integers(0, 9))
    return draw(
        st.sampled_from(
            [
                n_splits,
                KFold(n_splits),
                KFold(n_splits, shuffle=True, random_state=seed),
                ShuffleSplit(n_splits, random_state=seed),
                StratifiedKFold(n_splits, shuffle=True, random_state=seed),
                SubjectKFold(n_splits, random_state=seed),
                LeaveOneSubjectOut(),
            ]
        )
    )


def any_cv(draw, design, *more):
    kind = draw(st.integers(0, 2 + len(more)))
    return splitters(draw) if kind < 2 else folds(draw, design) if kind == 2 else more[kind - 3]


# ------------------------------------------------------------------ evaluations
# Each evaluates the design, and may add to PLANNED the folds that it has to refuse if they leak.


def score(draw, design):
    model = make_pipeline(FunctionTransformer(), design.model)
    cross_val_score(model, design.X, design.y, cv=any_cv(draw, design))


def score_subjects(draw, design):
    train_too = draw(st.sampled_from([False, False, True]))
    cross_validate(
        design.model,
        design.X,
        design.y,
        cv=any_cv(draw, design),
        scoring=subject_scorer(draw(st.sampled_from(["balanced_accuracy", "f1"]))),
        return_train_score=train_too,
    )


def predict(draw, design):
    method = draw(st.sampled_from(["predict", "predict_proba"]))
    cross_val_predict(design.model, design.X, design.y, cv=any_cv(draw, design), method=method)


def search(draw, design):
    GridSearchCV(design.model, {"voting": ["soft"]}, cv=any_cv(draw, design)).fit(
        design.X, design.y
    )


def nested_search(draw, design):
    inner = GridSearchCV(design.model, {"voting": ["soft", "hard"]}, cv=splitters(draw))
    cross_val_score(inner, design.X, design.y, cv=any_cv(draw, design))


def score_by_hand(draw, design):
    train, test = folds(draw, design)[0]
    fitted = design.model.fit(design.X.iloc[train], design.y[train])
    X, y = design.X.iloc[test], design.y[test]
    draw(
        st.sampled_from(
            [
                lambda: subject_scorer()(fitted, X, y),
                lambda: fitted.predict(X),
                lambda: fitted.predict_proba(X),
                lambda: fitted.vote(X),
                lambda: fitted.score(X, y),
            ]
        )
    )()


def comparison(draw, design):
    cv = any_cv(draw, design, GroupKFold(2))
    PLANNED.append(cv)
    compare({"m": design.model}, design.X, design.y, cv=cv, n_resamples=2, progress=False)


def permutations(draw, design):
    design.model.set_params(unit="subject")
    cv = any_cv(draw, design, GroupKFold(2))
    # StratifiedKFold stratifies by the permuted labels, so its folds differ between permutations.
    if not isinstance(cv, StratifiedKFold):
        PLANNED.append(cv)
    subject_permutation_test(design.model, design.X, design.y, cv=cv, n_permutations=2)


def final_classifier(draw, design):
    cv = any_cv(draw, design, GroupKFold(2))
    PLANNED.append(cv)
    design.model.set_params(final_estimator="logistic", cv=cv, estimator__in_sample=False)
    design.model.fit(design.X, design.y)


def search_inside(draw, design):
    search = GridSearchCV(design.model.estimator, {"in_sample": [False]}, cv=3)
    if design.X.get("signal") is None:  # one window for each row, so that folds mean rows
        search.set_params(cv=any_cv(draw, design, GroupKFold(2)))
    design.model.set_params(
        estimator=search, final_estimator=None, estimator__estimator__in_sample=False
    )
    design.model.fit(design.X, design.y)


def audit(draw, design):
    n_splits = draw(st.integers(2, 3))
    PLANNED.append(n_splits)
    found = leakage_audit(design.model, design.X, design.y, n_splits=n_splits, progress=False)
    assert not found.summary.loc["subjects", "leaky"]
    assert found.summary.drop(index="subjects")["leaky"].all()
    # The split by subject comes first; the others leak, which is what is measured.
    del SCORED[n_splits:]


PLANNED = []
EVALUATIONS = [
    score,
    score_subjects,
    predict,
    search,
    nested_search,
    score_by_hand,
    comparison,
    permutations,
    final_classifier,
    search_inside,
    audit,
]

LEAK = "leaks|that .* was trained on before"
# Why a design cannot be evaluated, other than because of a leak.
IMPOSSIBLE = re.compile(
    r"subjects of each class, but|only works for partitions|number of members in each class|"
    r"cannot be the greater|Cannot have number of splits|needs at least two classes|only one class|"
    r"must test every row once|tests row \d+ more than once|probabilities that are not finite|"
    r"takes some rows of a subject|fits failed|every fit failed|a minimum of 2 is required"
)


def planned_folds(design):
    """Folds of those evaluations that refuse leaks."""
    for cv in PLANNED:
        cv = SubjectKFold(cv) if isinstance(cv, int) else cv
        if hasattr(cv, "split"):
            groups = design.codes if isinstance(cv, GroupKFold) else None
            cv = cv.split(design.X, design.y, groups)
        yield from cv


def search_networks(draw, design):
    GridSearchCV(design.model, {"lr": [1e-3]}, cv=any_cv(draw, design)).fit(design.X, design.y)


def predict_by_hand(draw, design):
    train, test = folds(draw, design)[0]
    design.model.fit(design.X.iloc[train], design.y[train]).score(
        design.X.iloc[test], design.y[test]
    )


OF_NETWORKS = [score, score_subjects, predict, search_networks, predict_by_hand, comparison]


@pytest.mark.parametrize("evaluate", OF_NETWORKS, ids=lambda f: f.__name__)
@settings(
    max_examples=-(-EXAMPLES // (4 * len(OF_NETWORKS))),
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_networks_of_tables_warn_of_scored_training_subjects_and_of_no_others(evaluate, data):
    check_warnings(evaluate, data, data.draw(designs(of_networks=True)))


@pytest.mark.parametrize("evaluate", EVALUATIONS, ids=lambda f: f.__name__)
@settings(
    max_examples=-(-EXAMPLES // len(EVALUATIONS)),
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # designs are already small
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_scored_training_subjects_are_warned_of_or_refused_and_others_are_not(evaluate, data):
    check_warnings(evaluate, data, data.draw(designs()))


def check_warnings(evaluate, data, design):
    SCORED.clear()
    PLANNED.clear()
    error = None
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            evaluate(data.draw, design)
        except ValueError as caught:
            error = caught
    messages = [str(w.message) for w in seen if issubclass(w.category, SubjectLeakWarning)]
    if error is not None and re.search(LEAK, str(error)):
        assert not PLANNED or design.overlaps(planned_folds(design)), error
    elif error is not None:
        assert IMPOSSIBLE.search(str(error)), error
    elif design.leaked():
        assert messages
    else:
        # An inner search draws its folds in fit, so the warning states only what is possible.
        possible = len(design.pretrained) and "can be scored on them"
        assert not [text for text in messages if not (possible and possible in text)]
