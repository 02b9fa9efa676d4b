"""Transfer learning within one cohort separates its subjects."""

import numpy as np
import pytest

pytest.importorskip("torch")

from sklearn_emg.ensemble import SubjectTransferClassifier
from sklearn_emg.model_selection import SubjectHoldout, with_validation
from sklearn_emg.neural_network import ALSNetClassifier, TransferClassifier
from sklearn_emg.papers import make_system
from sklearn_emg.recordings import recording_table

GROUPS = np.repeat([f"{c}{i}" for c in "AC" for i in range(6)], [4, 5, 3, 4, 5, 3] * 2)
Y = np.where(np.char.startswith(GROUPS, "A"), "als", "control")
X = np.random.default_rng(0).normal(size=(48, 40))


class Spy(ALSNetClassifier):
    """Records the subjects of its training."""

    def _fit(self, X, y, groups, *start):
        SEEN.append(set(groups))
        return super()._fit(X, y, groups, *start)


SEEN = []


def model(**params):
    SEEN.clear()
    tiny = {"n_filters": 2, "n_hidden": 2, "kernel_size": 3, "max_epochs": 1, "random_state": 0}
    net = Spy(**ALSNetClassifier(**tiny).get_params())
    return SubjectTransferClassifier(TransferClassifier(net), random_state=0, **params)


def test_no_subject_both_pretrains_and_fine_tunes():
    fitted = model().fit(X, Y, groups=GROUPS)
    source, target = SEEN
    assert source == fitted.estimator_.source_subjects_
    assert not source & target
    assert source | target == set(GROUPS)
    # Half of each class.
    assert sorted(name[0] for name in source) == list("AAACCC")


def test_frozen_layers_are_those_of_the_pretraining():
    fitted = model().fit(X, Y, groups=GROUPS).estimator_
    before = fitted.source_.net_.module_.state_dict()
    after = fitted.estimator_.net_.module_.state_dict()
    frozen = [name for name in before if not name.startswith("classifier")]
    assert frozen
    assert all((before[name] == after[name]).all() for name in frozen)


def test_people_whom_a_protocol_names_for_validation_pretrain_nothing():
    named = ["A1", "C4"]
    fitted = with_validation(model(source_fraction=0.8), named).fit(X, Y, groups=GROUPS)
    source, target = SEEN
    assert not source & set(named)
    assert set(named) < target
    assert fitted.estimator_.estimator_.validation == named


def test_a_network_that_comes_pretrained_is_fine_tuned_on_all():
    pretrained = model().estimator.pretrain(X, Y, groups=np.char.add("other ", GROUPS))
    fitted = SubjectTransferClassifier(pretrained).fit(X, Y, groups=GROUPS)
    assert SEEN[-1] == set(GROUPS)
    assert fitted.estimator_.source_subjects_ == {f"other {g}" for g in GROUPS}
    with pytest.raises(ValueError, match="with the source cohort"):
        SubjectTransferClassifier(pretrained).fit(X, Y, groups=np.char.add("other ", GROUPS))


def test_people_whose_names_cannot_be_sorted_are_parted():
    names = [int(name[1:]) if name < "A3" else name for name in GROUPS]
    model().fit(X, Y, groups=names)
    source, target = SEEN
    assert not source & target
    assert source | target == set(names)


def test_classes_of_one_subject_cannot_be_parted():
    rows = np.isin(GROUPS, ["A0", "A1", "C0"])
    with pytest.raises(ValueError, match="at least two classes with two or more subjects"):
        model().fit(X[rows], Y[rows], groups=GROUPS[rows])


def test_groups_of_another_length_are_refused():
    with pytest.raises(ValueError, match="groups has 47 entries for 48 rows"):
        model().fit(X, Y, groups=GROUPS[:-1])


def test_the_system_is_tested_on_people_new_to_both_trainings():
    rng = np.random.default_rng(0)
    names = [f"{c}{i}" for c in "AC" for i in range(5)]
    table = recording_table([rng.normal(size=500) for _ in names], fs=500.0, subject=names)
    y = np.repeat(["als", "control"], 5)
    run = SubjectHoldout().runs(table, y)[0]
    system = make_system("transfer-cnn", fs=500.0, max_epochs=1)
    system.set_params(divote__estimator__estimator__estimator__n_filters=2)
    fitted = run.prepare(system, table).fit(table.iloc[run.fit_rows], y[run.fit_rows])
    transfer = fitted["divote"].estimator_.estimator_
    # Subjects are known by their names, which DiVote passes on.
    assert transfer.source_subjects_ < set(table["subject"].iloc[run.train])
    assert set(fitted.predict(table.iloc[run.test])) <= {"als", "control"}


def test_every_part_of_the_system_can_be_set():
    system = make_system("transfer-cnn", fs=1000.0)
    system.set_params(
        divote__estimator__source_fraction=0.3,
        divote__estimator__estimator__frozen=("features.0",),
        divote__estimator__estimator__fine_tune_params={"lr": 1e-5},
        divote__estimator__estimator__estimator__lr=1e-2,
        scale__method="zscore",
    )
    assert system["divote"].estimator.estimator.estimator.lr == 1e-2
