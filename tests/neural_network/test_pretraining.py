"""Pretraining without labels: hidden parts, features, initial weights and subjects."""

import numpy as np
import pytest
from data import noise, simulated_cohort
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_emg.comparison import compare
from sklearn_emg.deployment import load_model, save_model
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import SubjectKFold, pretrained_parts
from sklearn_emg.recordings import recording_table

torch = pytest.importorskip("torch")

from sklearn_emg.neural_network import (  # noqa: E402
    ALSNetClassifier,
    CNN1DClassifier,
    EMGRegressor,
    PatternNetClassifier,
    PretrainedEncoder,
    TransferClassifier,
)
from sklearn_emg.neural_network._pretraining._masked import (  # noqa: E402
    MaskedReconstruction,
    hidden_samples,
)

CNN = CNN1DClassifier(
    n_filters=(4, 6),
    pool_size=2,
    n_hidden=5,
    max_epochs=1,
    validation_fraction=None,
    random_state=0,
)
SMALL = PretrainedEncoder(CNN, patch=5, max_epochs=1, random_state=0)


def sines(n, n_times=90):
    phase = np.random.default_rng(0).uniform(0, 6, size=(n, 1))
    return np.sin(0.3 * np.arange(n_times) + phase)


def test_hidden_samples_are_patches_of_all_channels():
    generator = torch.Generator().manual_seed(0)
    hidden = hidden_samples(torch.zeros(7, 3, 50), 0.5, 8, generator)
    assert hidden.shape == (7, 3, 50)
    assert (hidden == hidden[:, :1]).all()
    patches = hidden[:, 0, :48].reshape(7, 6, 8)
    assert (patches.all(dim=2) | ~patches.any(dim=2)).all()
    of_last = hidden[:, 0, 48:].all(dim=1)  # the seventh, of two samples
    assert (patches.any(dim=2).sum(dim=1) + of_last == 4).all()  # of 7, rounded
    assert len({tuple(row.tolist()) for row in hidden[:, 0]}) > 1
    assert hidden_samples(torch.zeros(2, 1, 50), 0.01, 8, generator).any(dim=2).all()


def test_the_loss_counts_hidden_samples_in_units_of_the_visible_ones():
    windows = torch.from_numpy(noise(4, 2, 30).astype(np.float32))
    model = MaskedReconstruction(lambda x: x.mean(dim=2), windows)
    torch.nn.init.zeros_(model.decoder.weight)
    torch.nn.init.zeros_(model.decoder.bias)
    hidden = torch.zeros(4, 2, 30, dtype=torch.bool)
    hidden[..., :10] = True
    x = windows.numpy()
    level = (x[..., 10:] ** 2).mean(axis=(1, 2))
    expected = ((x[..., :10] ** 2).mean(axis=(1, 2)) / level).mean()  # zeros are restored
    np.testing.assert_allclose(model(windows, hidden).item(), expected, rtol=1e-5)
    np.testing.assert_allclose(model(1000 * windows, hidden).item(), expected, rtol=1e-5)


def test_what_repeats_is_restored_and_noise_is_not():
    net = CNN1DClassifier(n_filters=(16, 16), pool_size=2, kernel_size=15)
    encoder = PretrainedEncoder(net, patch=5, max_epochs=25, lr=0.01, batch_size=8, random_state=0)
    assert encoder.fit(sines(64)).losses_[-1] < 0.3
    assert encoder.fit(noise(64, 90)).losses_[-1] > 0.8


def test_labels_are_not_used_and_fits_repeat():
    X = noise(12, 2, 60)
    state = torch.get_rng_state()
    features = clone(SMALL).fit_transform(X, np.arange(12) % 2)
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(clone(SMALL).fit(X).transform(X), features)
    assert features.shape == (12, 6)
    assert clone(SMALL).fit(X).get_feature_names_out()[0] == "code_0"


def test_encoder_in_a_classical_pipeline_is_fitted_in_each_fold():
    X, y = simulated_cohort()
    model = DiVoteClassifier(
        make_pipeline(clone(SMALL), LogisticRegression()), window=0.1, step=None, short="skip"
    )
    scorer = subject_scorer("balanced_accuracy")
    scores = cross_val_score(model, X, y, cv=SubjectKFold(2), scoring=scorer, error_score="raise")
    assert len(scores) == 2
    model.set_params(estimator__pretrainedencoder__mask=0.3)
    assert model.get_params()["estimator__pretrainedencoder__estimator__n_hidden"] == 5


def test_a_network_without_a_trainable_part_before_the_last_is_refused():
    encoder = PretrainedEncoder(PatternNetClassifier(random_state=0), max_epochs=1)
    with pytest.raises(ValueError, match="PatternNet are in its last part, so PretrainedEncoder"):
        encoder.fit(noise(20, 60))


def test_subjects_of_the_pretraining_are_remembered():
    X, y = simulated_cohort()
    cut = X.assign(signal=[signal[:200] for signal in X["signal"]])
    known = cut["subject"].isin(cut["subject"].unique()[:5]).to_numpy()
    encoder = clone(SMALL).fit(cut[known])
    assert set(encoder.subjects_) == set(cut["subject"][known])
    encoder.transform(cut[~known])
    with pytest.warns(SubjectLeakWarning, match="given to CNN1DClassifier (was|were) trained on"):
        encoder.transform(cut)
    frozen = make_pipeline(FrozenEstimator(encoder), LogisticRegression())
    (part,) = pretrained_parts(frozen)
    assert part.subjects == set(cut["subject"][known])
    with pytest.raises(ValueError, match="was trained on before"):
        compare({"frozen": frozen}, cut, y, cv=SubjectKFold(2), progress=False)


def test_pretrained_weights_start_a_classifier():
    X, y = sines(24) + noise(24, 90, scale=0.1), np.arange(24) % 2
    subjects = np.arange(24) // 2
    model = TransferClassifier(CNN, encoder=SMALL).fit(X, y, groups=subjects)
    alone = clone(SMALL).fit(X)
    for name, weight in alone.pretrained_weights().items():
        torch.testing.assert_close(model.estimator_.net_.module_.state_dict()[name], weight)
    assert not any(name.startswith("classifier") for name in alone.pretrained_weights())
    tuned = clone(model).set_params(frozen=(), fine_tune_params={"lr": 0.01}).fit(X, y)
    first = "features.0.weight"
    moved = tuned.estimator_.net_.module_.state_dict()[first] - alone.pretrained_weights()[first]
    assert moved.abs().max() > 0
    tuned.set_params(encoder__mask=0.25).fit(X, y)
    assert tuned.encoder_.mask == 0.25


def test_a_frozen_encoder_is_kept_and_its_subjects_are_not_trained_on_again():
    X, y, subjects = noise(16, 90), np.arange(16) % 2, np.arange(16) // 2
    encoder = clone(SMALL).fit(sines(16), groups=100 + subjects)
    model = clone(TransferClassifier(CNN, encoder=FrozenEstimator(encoder)))
    model.fit(X, y, groups=subjects)
    assert model.encoder_ is encoder
    assert model.source_subjects_ == set(range(100, 108))
    table = recording_table(list(X), fs=1000.0, subject=100 + subjects)
    with pytest.warns(SubjectLeakWarning, match="8 subjects that it was pretrained on"):
        model.predict(table)
    with pytest.raises(ValueError, match="shares 8 subjects with the source cohort"):
        model.fit(X, y, groups=100 + subjects)


def test_what_cannot_be_pretrained_is_refused():
    X = noise(6, 40)
    with pytest.raises(ValueError, match="'mask' parameter of PretrainedEncoder"):
        clone(SMALL).set_params(mask=1.0).fit(X)
    with pytest.raises(ValueError, match=r"windows of one length.* Got images"):
        PretrainedEncoder(CNN).fit(noise(6, 1, 20, 20))
    uneven = [noise(1, 60), noise(1, 70)]
    with pytest.raises(ValueError, match="Got signals that differ in length"):
        PretrainedEncoder(ALSNetClassifier()).fit(uneven)
    with pytest.raises(ValueError, match=r"'layer' parameter .* names 'features\.9'"):
        clone(SMALL).set_params(layer="features.9").fit(X)
    with pytest.raises(ValueError, match="has an 'encoder', which pretrains without labels"):
        TransferClassifier(CNN, encoder=SMALL).pretrain(X, np.arange(6) % 2)
    other = TransferClassifier(ALSNetClassifier(n_filters=4, max_epochs=1), encoder=SMALL)
    with pytest.raises(ValueError, match="names layers whose weights"):
        other.fit(X, np.arange(6) % 2)
    with pytest.raises(ValueError, match="'encoder' parameter of TransferClassifier"):
        TransferClassifier(CNN, encoder=FrozenEstimator(CNN)).fit(X, np.arange(6) % 2)


def test_the_network_of_a_regressor_is_pretrained_too():
    net = EMGRegressor("CNN1D", module_params={"n_filters": (4,), "pool_size": 2}, max_epochs=1)
    assert PretrainedEncoder(net, max_epochs=1, patch=5).fit_transform(noise(6, 40)).shape == (6, 4)


def test_a_pretrained_encoder_is_saved_and_initialises_a_classifier(tmp_path):
    pytest.importorskip("skops")
    X = sines(12)
    encoder = clone(SMALL).fit(X)
    again = load_model(save_model(encoder, tmp_path / "encoder"))
    assert again.transform(X).tobytes() == encoder.transform(X).tobytes()
    assert not hasattr(again.estimator_, "classes_")
    weights = again.pretrained_weights()
    assert all(bool((v == weights[n]).all()) for n, v in encoder.pretrained_weights().items())
    y = np.arange(12) % 2
    nets = [TransferClassifier(CNN, encoder=FrozenEstimator(e)) for e in (encoder, again)]
    first, second = (clone(net).fit(X, y).predict_proba(X) for net in nets)
    assert first.tobytes() == second.tobytes()
