"""Protocols of the studies, run by run."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import (
    LeaveOneSubjectOut,
    NestedProtocol,
    RandomRecordings,
    RandomWindows,
    RepeatedSubjectKFold,
    SubjectHoldout,
    SubjectKFold,
    SubjectsPerClassOut,
    with_seed,
    with_validation,
)
from sklearn_emg.papers import ALSNetProtocol, BoumerdesProtocol, NEMGNetProtocol, make_system


@pytest.fixture
def table():
    """Seven subjects of ALS, eight controls, nine myopathy; two to four rows each, shuffled."""
    subjects = [f"A{i:02d}" for i in range(1, 8)]
    subjects += [f"C{i:02d}" for i in range(1, 9)] + [f"M{i:02d}" for i in range(1, 10)]
    rows = [s for i, s in enumerate(subjects) for _ in range(2 + i % 3)]
    rng = np.random.default_rng(0)
    rows = rng.permutation(rows)
    X = pd.DataFrame({"subject": rows, "rms": rng.random(len(rows))})
    return X, X["subject"].str[0].to_numpy()


HONEST = [
    NEMGNetProtocol(),
    BoumerdesProtocol(),
    SubjectHoldout(0.25, validation_size=0.2, n_repeats=3),
    RepeatedSubjectKFold(3, n_repeats=2),
    LeaveOneSubjectOut(),
    SubjectKFold(3),
    SubjectsPerClassOut(2, random_state=0),
    ALSNetProtocol(n_repeats=2),
    NestedProtocol(),
]


@pytest.mark.parametrize("protocol", HONEST, ids=lambda p: type(p).__name__)
def test_no_subject_is_in_two_parts_of_a_run(protocol, table):
    X, y = table
    for run in protocol.runs(X, y):
        parts = [run.train, run.test]
        parts += [] if run.validation is None else [run.validation]
        names = [set(X["subject"].iloc[part]) for part in parts]
        assert sum(map(len, names)) == len(set.union(*names)) == 24
        assert sum(map(len, parts)) == len(X)


@pytest.mark.parametrize("protocol", HONEST, ids=lambda p: type(p).__name__)
def test_protocols_serve_as_splitters(protocol, table):
    X, y = table
    model = DiVoteClassifier(DummyClassifier(), window=None, final_estimator=None)
    scores = cross_validate(model, X, y, cv=protocol, error_score="raise")["test_score"]
    assert len(scores) == protocol.get_n_splits(X, y)


def test_nemgnet_has_three_initialisations_of_the_same_five_folds(table):
    runs = NEMGNetProtocol().runs(*table)
    assert [run.seed for run in runs] == [0, 1, 2] * 5
    assert all((runs[k].test == runs[k - k % 3].test).all() for k in range(15))
    tested = np.concatenate([runs[k].test for k in range(0, 15, 3)])
    assert sorted(tested) == list(range(len(table[0])))


def test_nemgnet_chooses_weights_on_the_test_fold_on_request_and_says_so(table):
    X, y = table
    protocol = NEMGNetProtocol(choose_on="test")
    assert protocol.leaky
    assert not NEMGNetProtocol().leaky
    for run, (train, test) in zip(protocol.runs(X, y), protocol.split(X, y), strict=True):
        assert run.chooses_on_test
        assert run.label.endswith("weights chosen on the test fold (leaky)")
        np.testing.assert_array_equal(run.validation, run.test)
        np.testing.assert_array_equal(train, run.train)  # training excludes the test fold
        assert not set(train) & set(test)
    with pytest.raises(ValueError, match=r"\(leaky\) chooses weights on the test subjects"):
        run.prepare(DiVoteClassifier(DummyClassifier(), window=None), X)
    with pytest.raises(ValueError, match="'choose_on' parameter of NEMGNetProtocol"):
        NEMGNetProtocol(choose_on="validation").runs(X, y)
    pytest.importorskip("torch")
    model = run.prepare(make_system("alsnet"), X)
    assert set(model["divote"].estimator.validation) == set(X["subject"].iloc[run.test])


def test_boumerdes_runs_are_those_of_the_study(table):
    X, y = table
    runs = BoumerdesProtocol().runs(X, y)
    sets = [
        (set(X["subject"].iloc[run.validation]), set(X["subject"].iloc[run.test])) for run in runs
    ]
    expected = [(4, 3), (3, 4), (6, 3), (3, 6), (7, 3), (3, 7)]
    assert sets == [({f"{c}0{v}" for c in "ACM"}, {f"{c}0{t}" for c in "ACM"}) for v, t in expected]


def test_boumerdes_names_subjects_by_their_numbers_where_some_are_missing(table):
    X, y = table
    # As in the biceps recordings of N2001.
    there = ~X["subject"].isin(["A02", "M01", "M08", "M09", "C08"])
    runs = BoumerdesProtocol().runs(X[there].reset_index(drop=True), y[there])
    tested = [set(X[there]["subject"].iloc[run.test]) for run in runs]
    assert tested == [{f"{c}0{t}" for c in "ACM"} for t in (3, 4, 3, 6, 3, 7)]


def test_boumerdes_counts_positions_on_request(table):
    X, y = table
    there = ~X["subject"].isin(["A02", "C01"])
    (run,) = BoumerdesProtocol([(1, 2)], by="position").runs(X[there], y[there])
    assert set(X[there]["subject"].iloc[run.validation]) == {"A01", "C02", "M01"}
    assert set(X[there]["subject"].iloc[run.test]) == {"A03", "C03", "M02"}


def test_boumerdes_says_which_pairs_the_subjects_allow(table):
    X, y = table
    assert BoumerdesProtocol().possible_pairs(X, y) == list(BoumerdesProtocol().pairs)
    there = ~X["subject"].isin(["A06", "M04"])
    possible = BoumerdesProtocol().possible_pairs(X[there], y[there])
    assert possible == [(7, 3), (3, 7)]
    assert len(BoumerdesProtocol(possible).runs(X[there], y[there])) == 2


def test_alsnet_splits_80_to_20_to_25():
    X = pd.DataFrame({"subject": range(250)})
    (run,) = ALSNetProtocol().runs(X, np.repeat(["ALS", "healthy"], 125))
    assert [len(rows) for rows in (run.train, run.validation, run.test)] == [160, 40, 50]


@pytest.mark.parametrize("protocol", HONEST, ids=lambda p: type(p).__name__)
def test_runs_are_numbered_and_labelled(protocol, table):
    runs = protocol.runs(*table)
    assert [run.number for run in runs] == list(range(len(runs)))
    assert len({run.label for run in runs}) == len(runs)


@pytest.mark.parametrize("by", ["number", "position"])
def test_boumerdes_needs_the_subjects_that_its_pairs_name(by, table):
    X, y = table
    small = ~X["subject"].isin(["A06", "A07"])
    with pytest.raises(ValueError, match=rf"by {by}, but class 'A' has no 6: .* different 'pairs'"):
        BoumerdesProtocol(by=by).runs(X[small], y[small])
    assert len(BoumerdesProtocol([(1, 2), (2, 1)], by=by).runs(X[small], y[small])) == 2


def test_boumerdes_needs_a_third_subject_to_train_on(table):
    X, y = table
    two = X["subject"].isin(["A01", "A02", "C01", "C02", "C03"])
    with pytest.raises(ValueError, match="needs at least 3 subjects of each class, but class 'A'"):
        BoumerdesProtocol([(1, 2)]).runs(X[two], y[two])


def test_boumerdes_counts_in_no_third_way(table):
    with pytest.raises(
        ValueError, match="'by' parameter of BoumerdesProtocol must be one of 'number'"
    ):
        BoumerdesProtocol(by="age").runs(*table)


@pytest.mark.parametrize(
    "pairs", [[(2, 2)], [], [1, 2], "ab", None, [(1, 2, 3)], [(1, 2), (3,)], [(1.5, 2)], [(0, 1)]]
)
def test_pairs_that_are_none_are_refused(pairs, table):
    with pytest.raises(ValueError, match="two different integers of at least 1 for each run"):
        BoumerdesProtocol(pairs).runs(*table)


def test_positions_count_in_the_order_of_numbers_in_names():
    X = pd.DataFrame({"subject": [f"{c}{i}" for c in "AB" for i in (11, 9, 10, 2)]})
    runs = BoumerdesProtocol([(1, 2), (3, 4)], by="position").runs(X, np.repeat(["a", "b"], 4))
    assert [X["subject"][run.test].tolist() for run in runs] == [["A9", "B9"], ["A11", "B11"]]


@pytest.mark.parametrize("random", [RandomWindows, RandomRecordings])
def test_random_rows_put_subjects_on_both_sides_and_say_so(random, table):
    X, y = table
    first, second = random(n_repeats=2).runs(X, y)
    assert random.leaky
    assert "leaky" in first.label
    assert random().get_n_splits(X, y) == 1
    assert set(X["subject"].iloc[first.train]) & set(X["subject"].iloc[first.test])
    assert sorted([*first.train, *first.test]) == list(range(len(X)))
    assert len(first.test) == np.ceil(0.25 * len(X))
    assert set(first.test) != set(second.test)
    with pytest.raises(ValueError, match=f"{random.__name__} takes no 'groups'"):
        random().runs(X, y, groups=X["subject"])
    with pytest.raises(ValueError, match=f"{random.__name__} needs y"):
        random().runs(X, None)
    with pytest.raises(ValueError, match=f"'test_size' parameter of {random.__name__}"):
        random(1.5).runs(X, y)


def test_holdout_leaves_each_class_in_each_part(table):
    X, y = table
    for run in SubjectHoldout(0.1, validation_size=0.1, n_repeats=4).runs(X, y):
        for part in (run.train, run.validation, run.test):
            assert set(y[part]) == {"A", "C", "M"}


@pytest.mark.parametrize("validation_size", [0.6, 0.7, 0.95])
def test_a_large_validation_set_leaves_subjects_for_training_and_test(validation_size):
    X, y = pd.DataFrame({"subject": range(10)}), np.array([0, 1] * 5)
    run = SubjectHoldout(0.2, validation_size=validation_size).runs(X, y)[0]
    for part in (run.train, run.validation, run.test):
        assert set(y[part]) == {0, 1}


@pytest.mark.parametrize("n", [3, 4, 6, 8, 10, 12])
def test_holdout_draws_each_part_from_all_sizes_of_a_continuous_target(n):
    X, y = pd.DataFrame({"subject": range(n)}), np.linspace(0.1, 0.9, n)
    run = SubjectHoldout(0.25, validation_size=0.25).runs(X, y)[0]
    sizes = [len(part) for part in (run.train, run.validation, run.test)]
    assert min(sizes) >= 1
    assert sizes[0] == max(sizes)
    assert sum(sizes) == n


def test_holdout_refuses_strata_that_are_too_small_for_validation():
    # Two subjects with class 0, two with class 1, and two with both.
    X = pd.DataFrame({"subject": [0, 1, 2, 3, 4, 4, 5, 5]})
    with pytest.raises(ValueError, match="draws no subject for validation"):
        SubjectHoldout(0.25, validation_size=0.25).runs(X, [0, 0, 1, 1, 0, 1, 0, 1])


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (SubjectHoldout(1.5), "'test_size' parameter of SubjectHoldout must be a number in"),
        (SubjectHoldout("a"), "'test_size' parameter of SubjectHoldout must be a number in"),
        (SubjectHoldout(validation_size=None), "'validation_size' parameter of SubjectHoldout"),
        (RepeatedSubjectKFold(n_repeats=0), "'n_repeats' parameter of RepeatedSubjectKFold"),
        (NEMGNetProtocol(n_initialisations=1.5), "'n_initialisations' parameter of NEMGNet"),
        (NEMGNetProtocol(8), "class 'A' has 7"),
    ],
)
def test_settings_out_of_range_are_refused(protocol, message, table):
    with pytest.raises(ValueError, match=message):
        protocol.runs(*table)


def test_repeats_deal_anew_and_the_same_at_each_call(table):
    protocol = RepeatedSubjectKFold(3, n_repeats=2)
    first, again = protocol.runs(*table), protocol.runs(*table)
    assert all((a.test == b.test).all() for a, b in zip(first, again))
    assert any(len(a.test) != len(b.test) or (a.test != b.test).any()
               for a, b in zip(first[:3], first[3:]))  # fmt: skip


def test_nested_search_never_sees_the_test_subjects(table):
    X, y = table
    seen = []

    class Spy(LogisticRegression):
        def fit(self, X, y):
            seen.append(set(np.asarray(X)[:, 0]))
            return super().fit(X, y)

    protocol = NestedProtocol(3, n_inner=2)
    model = DiVoteClassifier(Spy(), window=None, final_estimator=None)
    for run in protocol.runs(X, y):
        seen.clear()
        protocol.search(model, {"estimator__C": [0.1, 1.0]}).fit(X.iloc[run.train], y[run.train])
        assert len(seen) == 5
        assert not set.union(*seen) & set(X["rms"].iloc[run.test])


def test_nested_selection_does_not_flatter_pure_noise():
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b"], 20)
    X = pd.DataFrame(rng.normal(size=(40, 60)), columns=[f"x{i}" for i in range(60)])
    X["subject"] = range(40)
    protocol = NestedProtocol(5, n_inner=3)
    model = DiVoteClassifier(LogisticRegression(max_iter=500), window=None, final_estimator=None)
    search = protocol.search(model, {"estimator__C": [1e-3, 1e-2, 0.1, 1.0, 10.0]})
    scores = cross_validate(search, X, y, cv=protocol, scoring=subject_scorer("accuracy"))
    assert 0.2 < scores["test_score"].mean() < 0.75


def test_with_seed_reaches_every_part_and_leaves_the_original():
    model = make_pipeline(StandardScaler(), RandomForestClassifier(random_state=7))
    assert with_seed(model, 3)[-1].random_state == 3
    assert model[-1].random_state == 7


def test_a_network_stops_early_on_the_validation_subjects_of_the_run(table):
    from sklearn_emg.neural_network import ALSNetClassifier

    class Spy(ALSNetClassifier):
        def fit(self, X, y, groups=None):
            self.groups_ = np.asarray(groups)
            return super().fit(X, y, groups=groups)

        def _train(self, train, valid, *args, **kwargs):
            self.people_ = set(self.groups_[train.rows]), set(self.groups_[valid.rows])
            return super()._train(train, valid, *args, **kwargs)

    X, y = table
    plain = ALSNetClassifier(n_filters=2, n_hidden=2, kernel_size=3, max_epochs=1)
    model = DiVoteClassifier(Spy(**plain.get_params()), window=None, final_estimator=None)
    for run in BoumerdesProtocol().runs(X, y)[:2]:
        fitted = run.prepare(model, X).fit(X.iloc[run.fit_rows], y[run.fit_rows])
        train, valid = fitted.estimator_.people_
        assert valid == set(X["subject"].iloc[run.validation])
        assert train == set(X["subject"].iloc[run.train])
        assert fitted.estimator.random_state == run.seed
    assert model.estimator.validation == "subjects"


def test_a_run_without_validation_leaves_the_draw_to_the_network(table):
    from sklearn_emg.neural_network import ALSNetClassifier

    run = SubjectHoldout().runs(*table)[0]
    assert run.prepare(ALSNetClassifier(), table[0]).validation == "subjects"


def test_a_model_without_a_network_has_nothing_to_hold_out():
    model = make_pipeline(StandardScaler(), LogisticRegression(C=3.0))
    assert with_validation(model, ["A1"]).get_params()["logisticregression__C"] == 3.0
