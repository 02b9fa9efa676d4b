"""LSTMPrognosis: training, padding, chunks, attention, and what it can learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV

from sklearn_emg.datasets import make_progression_cohort
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.model_selection import VisitSplit
from sklearn_emg.prognosis import LSTMPrognosis, LSTMPrognosisClassifier, visit_contexts

torch = pytest.importorskip("torch")

from sklearn_emg.prognosis._network import ContextLSTM  # noqa: E402

QUICK = {"n_units": 8, "validation_fraction": None, "random_state": 0}


def contexts(n_subjects=20, context=3):
    visits = make_progression_cohort(n_subjects, random_state=0).visits
    return visit_contexts(visits, visits["score"], context=context)


def ar2(n_series, n_steps, seed=0):
    """Series x_t = 0.5 x_{t-1} + 0.4 x_{t-2} + e_t with unit noise: contexts and next values."""
    rng = np.random.default_rng(seed)
    x = np.zeros((n_series, n_steps + 60))
    for t in range(2, x.shape[1]):
        x[:, t] = 0.5 * x[:, t - 1] + 0.4 * x[:, t - 2] + rng.normal(size=n_series)
    return x[:, -n_steps - 1 : -1], x[:, -1]


def test_losses_are_those_of_a_plain_loop():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3, 6)), rng.normal(size=40)
    settings = {**QUICK, "batch_size": 64, "max_epochs": 5}  # one batch: the same for both
    start = LSTMPrognosis(**{**settings, "lr": 1e-30, "max_epochs": 1}).fit(X, y)
    module = ContextLSTM(3, 6, 1, n_units=8)
    module.load_state_dict(start.network_.net_.module_.state_dict())
    model = LSTMPrognosis(**settings).fit(X, y)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    scaled = (X - X.mean(axis=(0, 2))[:, None]) / X.std(axis=(0, 2))[:, None]
    inputs = torch.tensor(scaled, dtype=torch.float32)
    target = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32)[:, None]
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(module(inputs), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    np.testing.assert_allclose(model.history_[:, "train_loss"], losses, atol=1e-5)


def test_padding_changes_nothing():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(2, n)) for n in (3, 9, 5, 1, 7, 2)]
    model = LSTMPrognosis(**QUICK, max_epochs=3).fit(X, rng.normal(size=6))
    together = model.predict(X)
    alone = [model.predict([x])[0] for x in X]
    np.testing.assert_allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 2, 5, 50])
def test_chunks_change_no_output_if_the_state_is_kept(chunk):
    torch.manual_seed(0)
    net = ContextLSTM(3, 12, 2, n_units=6).eval()
    x = torch.randn(4, 3, 12)
    lengths = torch.tensor([12, 3, 7, 1])
    whole = net(x, lengths)
    net.chunk = chunk
    torch.testing.assert_close(net(x, lengths), whole, atol=1e-6, rtol=0)
    net.stateful = False
    if chunk < 5:
        assert (net(x, lengths) - whole).abs().max() > 1e-4


def test_gradients_stay_within_a_chunk():
    net = ContextLSTM(1, 6, 1, n_units=4, attention=False, chunk=3)
    x = torch.randn(1, 1, 6, requires_grad=True)
    net(x).sum().backward()
    assert (x.grad[0, 0, :3] == 0).all()
    assert (x.grad[0, 0, 3:] != 0).all()


@pytest.mark.slow
def test_ar2_is_learned_to_five_percent_and_not_from_one_step():
    X, y = ar2(2000, 6)
    X_test, y_test = ar2(4000, 6, seed=1)
    settings = {"n_units": 16, "max_epochs": 25, "batch_size": 128, "random_state": 0}
    errors = {}
    for context in (2, 1):
        model = LSTMPrognosis(context, **settings).fit(X, y)
        errors[context] = np.sqrt(np.mean((model.predict(X_test) - y_test) ** 2))
    assert errors[2] < 1.05  # the noise has a standard deviation of 1
    # From one value the best line has the slope rho = 0.5 / (1 - 0.4) and leaves this error.
    rho = 0.5 / 0.6
    variance = 0.6 / (1.4 * (0.36 - 0.25))  # (1 - b) / ((1 + b) ((1 - b)^2 - a^2))
    assert errors[1] == pytest.approx(np.sqrt(variance * (1 - rho**2)), rel=0.05)


def test_a_table_of_visits_is_predicted_and_searched():
    X, y = contexts()
    search = GridSearchCV(
        LSTMPrognosis(n_units=4, max_epochs=3, random_state=0),
        {"context": [1, 3]},
        cv=VisitSplit(3),
        scoring="neg_mean_absolute_error",
    ).fit(X, y)
    assert set(search.best_params_) == {"context"}
    with pytest.warns(SubjectLeakWarning, match="LSTMPrognosis"):
        search.predict(X)


def test_the_context_is_the_last_steps():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 6)), rng.normal(size=30)
    model = LSTMPrognosis(2, **QUICK, max_epochs=2).fit(X, y)
    changed = X.copy()
    changed[:, :4] = 9.0
    np.testing.assert_array_equal(model.predict(X), model.predict(changed))


@pytest.mark.filterwarnings("ignore::sklearn_emg.exceptions.SubjectLeakWarning")
def test_attention_sums_to_one_over_known_visits():
    X, y = contexts()
    weights = LSTMPrognosis(**QUICK, max_epochs=2).fit(X, y).attention_weights(X)
    np.testing.assert_allclose(np.nansum(weights, axis=1), 1.0, atol=1e-6)
    known = X[["value@-2", "value@-1", "value@0"]].notna().to_numpy()
    np.testing.assert_array_equal(np.isfinite(weights), known)
    with pytest.raises(ValueError, match="has no attention"):
        LSTMPrognosis(**QUICK, attention=False, max_epochs=1).fit(X, y).attention_weights(X)


def test_labels_are_predicted():
    X = np.random.default_rng(0).normal(size=(80, 4)).cumsum(axis=1)
    y = np.where(X[:, -1] > X[:, 0], "up", "down")
    model = LSTMPrognosisClassifier(**QUICK, max_epochs=60, lr=0.03).fit(X, y)
    assert model.score(X, y) > 0.9
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


@pytest.mark.parametrize(
    ("X", "settings", "match"),
    [
        ([np.ones((2, 3)), np.ones((3, 3))], {}, "Sequence 1 of LSTMPrognosis has the shape"),
        (
            [np.ones((2, 3)), np.full((2, 3), np.nan)],
            {},
            "Sequence 1 of LSTMPrognosis has a feature",
        ),
        (
            pd.DataFrame({"subject": [1, 1, 2, 2], "rms": 1.0}),
            {},
            "LSTMPrognosis takes a table of visit_contexts.* column 'subject'",
        ),
        (np.ones((4, 3)), {"context": 0}, "'context'"),
        (np.ones((4, 3)), {"chunk": 0}, "'chunk'"),
    ],
)
def test_bad_sequences_and_settings_are_named(X, settings, match):
    with pytest.raises(ValueError, match=match):
        LSTMPrognosis(**QUICK, **settings).fit(X, np.arange(len(X), dtype=float))


@pytest.mark.parametrize(
    ("y", "match"),
    [
        ([1.0], "inconsistent numbers of samples"),
        (["up", "down"] * 3, r"y of LSTMPrognosis must be numbers\. Got 'up'"),
        (np.ones((6, 2)), "y should be a 1d array"),
    ],
)
def test_bad_targets_of_sequences_are_named(y, match):
    with pytest.raises(ValueError, match=match):
        LSTMPrognosis(**QUICK).fit([np.ones((2, 3))] * 6, y)


def test_one_dimensional_arrays_are_sequences_of_one_feature():
    X = [np.arange(n, dtype=float) for n in (3, 5, 4, 3)]
    model = LSTMPrognosis(**QUICK, max_epochs=2).fit(X, [1.0, 2.0, 1.5, 1.0])
    np.testing.assert_array_equal(model.predict(X), model.predict([x[np.newaxis] for x in X]))


def test_a_missing_feature_at_a_known_visit_is_named():
    visits = pd.DataFrame({"subject": "a", "visit": [1, 2, 3], "rms": [1.0, np.nan, 3.0]})
    X, y = visit_contexts(visits, [3.0, 2.0, 1.0])
    with pytest.raises(ValueError, match="Sequence 1 of LSTMPrognosis has a feature that is NaN"):
        LSTMPrognosis(**QUICK).fit(X, y)


def test_the_published_prognosis_is_listed_and_fits():
    from sklearn_emg.papers import list_systems, make_system
    from sklearn_emg.papers._benchmark._systems import choose_systems

    systems = list_systems()
    assert systems.index[systems["task"] == "prognosis"].tolist() == ["neurofusion-prognosis"]
    assert "neurofusion-prognosis" not in choose_systems("all")
    with pytest.raises(ValueError, match="is a prognosis from contexts of visits"):
        choose_systems("neurofusion-prognosis")
    X, y = contexts()
    model = make_system("neurofusion-prognosis", max_epochs=2, random_state=0).fit(X, y)
    assert model.predict(X.assign(subject="new")).shape == y.shape


def test_a_missing_step_of_a_feature_is_named():
    X, y = contexts()
    model = LSTMPrognosis(**QUICK, max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="contexts lack the column 'ago@-1'"):
        model.predict(X.drop(columns="ago@-1").assign(subject="new"))
