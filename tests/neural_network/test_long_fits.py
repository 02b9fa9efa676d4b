"""Long trainings: threads, precision, checkpoints, interrupts, progress."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback, EarlyStopping

from sklearn_emg.neural_network import (
    ALSNetClassifier,
    AutoencoderNetClassifier,
    DeepEMGNetClassifier,
    DilatedCNNClassifier,
    EMGRegressor,
    NEMGNetClassifier,
    NeuroFusionNetClassifier,
    PatternNetClassifier,
    RecurrentNetClassifier,
    SpectroEMGNetClassifier,
    TransferClassifier,
    _checkpoints,
    checkpoint_progress,
)
from sklearn_emg.neural_network._building import has_bfloat16, uses_bfloat16
from sklearn_emg.neural_network._checkpoints import Checkpoint
from sklearn_emg.neural_network._progress import duration_text
from sklearn_emg.preprocessing import WindowAugmenter

CPU = torch.device("cpu")


def cohort(n_subjects=12, n_windows=5, n_times=60, seed=0):
    rng = np.random.default_rng(seed)
    subjects = np.repeat(np.arange(n_subjects), n_windows)
    y = subjects % 2
    X = rng.normal(size=(len(y), 1, n_times)) * (1 + 2 * y)[:, None, None]
    return X.astype(np.float32), y, subjects


def als_net(**params):
    defaults = {"n_filters": 4, "n_hidden": 8, "lr": 0.01, "max_epochs": 6, "random_state": 0}
    return ALSNetClassifier(**{**defaults, **params})


class Learned(torch.nn.Module):
    """Cross entropy with a temperature that is learned."""

    def __init__(self):
        super().__init__()
        self.temperature = torch.nn.Parameter(torch.ones(()))

    def forward(self, logits, codes):
        return torch.nn.functional.cross_entropy(logits * self.temperature, codes)


class Killed(Exception):
    pass


@pytest.fixture
def killed_after(monkeypatch):
    """End a fit after its k-th checkpoint, as a kill would."""

    def fit(estimator, k, *data, **groups):
        write, left = Checkpoint.write, [k]

        def write_and_die(self, *given):
            write(self, *given)
            left[0] -= 1
            if not left[0]:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "write", write_and_die)
            with pytest.raises(Killed):
                estimator.fit(*data, **groups)

    return fit


def assert_same_fit(first, second):
    """Bit-identical weights and, except for times, the same history."""
    a, b = first.net_.module_.state_dict(), second.net_.module_.state_dict()
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    rows = [
        [{k: v for k, v in row.items() if k != "dur"} for row in net.history_]
        for net in (first, second)
    ]
    assert rows[0] == rows[1]


# Threads


class Threads(Callback):
    """Note the number of threads in training, and wait for other fits."""

    def __init__(self, barrier=None):
        self.barrier = barrier

    def on_train_begin(self, net, **kwargs):
        self.seen = []
        if self.barrier is not None:
            self.barrier.wait(30)

    def on_batch_begin(self, net, **kwargs):
        self.seen.append(torch.get_num_threads())


def threads_seen(net):
    return set(dict(net.net_.callbacks_)["threads"].seen)


@pytest.fixture
def four_cores(monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda *_, **__: 4)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_a_fit_alone_has_all_cores(four_cores):
    X, y, _ = cohort()
    net = als_net(callbacks=[("threads", Threads())], max_epochs=1).fit(X, y)
    assert threads_seen(net) == {4}
    assert torch.get_num_threads() == 4


def test_never_more_threads_than_cores_or_than_were_set(four_cores, monkeypatch):
    X, y, _ = cohort()
    monkeypatch.setattr(joblib, "cpu_count", lambda *_, **__: 2)  # a container's limit
    net = als_net(callbacks=[("threads", Threads())], max_epochs=1).fit(X, y)
    assert threads_seen(net) == {2}
    assert torch.get_num_threads() == 4
    torch.set_num_threads(1)
    net = als_net(callbacks=[("threads", Threads())], max_epochs=1).fit(X, y)
    assert threads_seen(net) == {1}


def test_fits_in_threads_divide_the_cores(four_cores):
    X, y, _ = cohort()
    barrier = threading.Barrier(2)
    nets = [als_net(max_epochs=2, callbacks=[("threads", Threads(barrier))]) for _ in range(2)]

    def fit(net):
        net.fit(X, y)
        return threads_seen(net), torch.get_num_threads()

    for seen, after in joblib.Parallel(n_jobs=2, backend="threading")(
        joblib.delayed(fit)(net) for net in nets
    ):
        # One fit may end first; the other then uses all threads.
        assert 2 in seen
        assert seen <= {2, 4}
        assert after == 4


def test_an_error_gives_the_threads_back(four_cores):
    X, y, _ = cohort()
    with pytest.raises(ValueError, match="diverged"):
        als_net(lr=1e30, optimizer="SGD").fit(1e6 * X, y)
    assert torch.get_num_threads() == 4
    net = als_net(callbacks=[("threads", Threads())], max_epochs=1).fit(X, y)
    assert threads_seen(net) == {4}


PROCESSES = """
    import joblib

    def fit():
        import numpy as np, torch
        from skorch.callbacks import Callback
        from sklearn_emg.neural_network import ALSNetClassifier

        class Threads(Callback):
            def on_batch_begin(self, net, **kwargs):
                self.seen = torch.get_num_threads()

        X, y = np.random.default_rng(0).normal(size=(20, 50)), np.arange(20) % 2
        net = ALSNetClassifier(n_filters=4, max_epochs=1, callbacks=[("threads", Threads())])
        return dict(net.fit(X, y).net_.callbacks_)["threads"].seen

    if __name__ == "__main__":
        print(*joblib.Parallel(n_jobs=2)(joblib.delayed(fit)() for _ in range(2)))
"""


def test_processes_of_joblib_divide_the_cores(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(PROCESSES))
    unset = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {k: v for k, v in os.environ.items() if k not in unset}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    out = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert [int(n) for n in out.split()] == [max(1, joblib.cpu_count() // 2)] * 2


# Precision


def test_auto_is_bfloat16_where_the_device_has_it(monkeypatch):
    for found, expected in (
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"avx2": True, "avx512_bf16": False}, False),
        ({}, False),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=found: found, raising=False)
        assert has_bfloat16(CPU) is expected
        assert uses_bfloat16("auto", CPU) is expected
        assert uses_bfloat16("bfloat16", CPU)
        assert not uses_bfloat16("float32", CPU)


@pytest.mark.parametrize(
    "net",
    [
        ALSNetClassifier(n_filters=8, n_hidden=16),
        AutoencoderNetClassifier(n_filters=(4,), pretrain_epochs=1),
        DilatedCNNClassifier(n_filters=8),
        NeuroFusionNetClassifier(),
        PatternNetClassifier(),
        RecurrentNetClassifier(cell="gru"),
        DeepEMGNetClassifier(nperseg=16),
        SpectroEMGNetClassifier(nperseg=16, n_filters=(16,)),
    ],
    ids=lambda net: type(net).__name__,
)
def test_accuracy_in_bfloat16_equals_that_in_float32(net):
    X, y, subjects = cohort(24)
    test = subjects >= 12
    scores = {}
    for precision in ("float32", "bfloat16"):
        net.set_params(max_epochs=12, lr=0.01, patience=None, random_state=0, precision=precision)
        net.fit(X[~test], y[~test], groups=subjects[~test])
        assert all(p.dtype == torch.float32 for p in net.net_.module_.parameters())
        assert net.predict_proba(X).dtype == np.float64
        scores[precision] = net.score(X[test], y[test])
    assert scores["bfloat16"] == pytest.approx(scores["float32"], abs=0.05)


def test_training_really_is_in_bfloat16_and_prediction_is_not():
    X, y, _ = cohort()
    whole, half = als_net().fit(X, y), als_net(precision="bfloat16").fit(X, y)
    assert whole.history_[:, "train_loss"] != half.history_[:, "train_loss"]
    first = [net.history_[0, "train_loss"] for net in (whole, half)]
    assert first[0] == pytest.approx(first[1], rel=0.05)
    copy = als_net(max_epochs=1).fit(X, y)
    copy.net_.module_.load_state_dict(half.net_.module_.state_dict())
    np.testing.assert_array_equal(copy.predict_proba(X), half.predict_proba(X))


# Checkpoints


@pytest.mark.parametrize("k", [1, 3, 6])
@pytest.mark.parametrize(
    "net",
    [
        als_net(),
        als_net(random_state=None, keep_best="accuracy", evaluate_every=2, lr_patience=1),
        als_net(validation_fraction=None, optimizer="SGD", optimizer_params={"momentum": 0.9}),
        als_net(class_weight="balanced", weight_decay=0.1, optimizer="AdamW", batch_size=7),
        als_net(optimizer="RMSprop", optimizer_params={"momentum": 0.5}),
        als_net(precision="bfloat16", dropout=0.5),
        als_net(augment=WindowAugmenter(epsilon=0.1), stratify="subject", loss="focal"),
        als_net(loss=Learned, batch_size=16),
        AutoencoderNetClassifier(n_filters=(4,), pretrain_epochs=1, max_epochs=6, random_state=0),
        EMGRegressor(module_params={"n_filters": 4}, max_epochs=6, random_state=0),
    ],
    ids=[
        "plain",
        "unseeded",
        "SGD",
        "AdamW",
        "RMSprop",
        "bfloat16",
        "augment",
        "loss",
        "autoencoder",
        "regressor",
    ],
)
def test_a_killed_fit_goes_on_to_the_same_weights(net, k, killed_after, tmp_path):
    X, y, subjects = cohort()
    np.random.seed(7)  # noqa: NPY002 - from which random_state=None draws
    whole = clone(net).fit(X, y, groups=subjects)
    np.random.seed(7)  # noqa: NPY002
    net = clone(net).set_params(checkpoint=tmp_path / "fits")
    killed_after(clone(net), k, X, y, groups=subjects)
    assert checkpoint_progress(tmp_path / "fits")[-1]["epoch"] == k
    np.random.seed(8)  # noqa: NPY002 - another process has other random numbers
    assert_same_fit(whole, clone(net).fit(X, y, groups=subjects))
    assert list((tmp_path / "fits").iterdir()) == []
    assert checkpoint_progress(tmp_path / "fits") == []


def test_only_the_missing_epochs_are_trained(killed_after, tmp_path, capsys):
    X, y, subjects = cohort()
    net = als_net(checkpoint=str(tmp_path))
    killed_after(net, 4, X, y, groups=subjects)
    als_net(checkpoint=str(tmp_path), verbose=1).fit(X, y, groups=subjects)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["epoch 5 of 6", "epoch 6 of 6"]


def test_early_stopping_goes_on_too(killed_after, tmp_path):
    X, _, subjects = cohort()
    y = np.random.default_rng(0).integers(0, 2, len(X))  # nothing to learn
    whole = als_net(max_epochs=60, patience=3, lr=0.02).fit(X, y, groups=subjects)
    n_epochs = len(whole.history_)
    assert n_epochs < 60
    # Also after the last epoch, before fit has returned.
    for k in (n_epochs - 2, n_epochs):
        net = als_net(max_epochs=60, patience=3, lr=0.02, checkpoint=tmp_path)
        killed_after(net, k, X, y, groups=subjects)
        assert_same_fit(whole, net.fit(X, y, groups=subjects))


def test_other_data_or_settings_begin_anew(killed_after, tmp_path):
    X, y, subjects = cohort()
    killed_after(als_net(checkpoint=tmp_path), 2, X, y, groups=subjects)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    other = X.copy()
    other[0, 0, 0] += 1e-3
    for data, changed in (
        ((other, y, subjects), {}),
        ((X, 1 - y, subjects), {}),
        ((X, y, subjects[::-1]), {}),
        ((X, y, None), {}),
        ((X, y, subjects), {"lr": 0.02}),
        ((X, y, subjects), {"random_state": 1}),
        ((X, y, subjects), {"n_filters": 5}),
        ((X, y, subjects), {"max_epochs": 7}),
    ):
        net = als_net(**changed).fit(*data)
        assert_same_fit(net, als_net(checkpoint=tmp_path, **changed).fit(*data))
    assert file.read_bytes() == content  # which is still that of the first fit
    assert_same_fit(als_net().fit(X, y, subjects), als_net(checkpoint=tmp_path).fit(X, y, subjects))


def test_a_pretrained_start_and_a_warm_start_tell_fits_apart(killed_after, tmp_path):
    X, y, subjects = cohort()

    def transfer(seed, **params):
        net = TransferClassifier(als_net(**params), fine_tune_params={"lr": 0.001})
        return net.pretrain(*cohort(seed=seed)[:2], groups=100 + subjects)

    whole = [transfer(seed).fit(X, y, subjects) for seed in (1, 2)]
    net = transfer(1)
    net.estimator.set_params(checkpoint=tmp_path)
    killed_after(net, 2, X, y, subjects)
    for seed, expected in zip((2, 1), whole[::-1]):
        again = transfer(seed)
        again.estimator.set_params(checkpoint=tmp_path)
        assert_same_fit(again.fit(X, y, subjects).estimator_, expected.estimator_)
    assert list(tmp_path.iterdir()) == []

    warm = als_net(warm_start=True).fit(X, y, subjects).fit(X, y, subjects)
    net = als_net(warm_start=True).fit(X, y, subjects).set_params(checkpoint=tmp_path)
    killed_after(net, 3, X, y, subjects)
    again = als_net(warm_start=True).fit(X, y, subjects).set_params(checkpoint=tmp_path)
    assert_same_fit(warm, again.fit(X, y, subjects))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", [9, 2000, -9])
def test_a_damaged_checkpoint_is_not_used(where, killed_after, tmp_path):
    X, y, subjects = cohort()
    killed_after(als_net(checkpoint=tmp_path), 2, X, y, groups=subjects)
    (file,) = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    content[where] ^= 1
    file.write_bytes(content)
    with pytest.warns(UserWarning, match=f"{file.name} is not a checkpoint.*from the beginning"):
        again = als_net(checkpoint=tmp_path).fit(X, y, groups=subjects)
    assert_same_fit(als_net().fit(X, y, groups=subjects), again)


def test_nothing_in_a_checkpoint_is_executed(killed_after, tmp_path):
    import pickle

    X, y, subjects = cohort()
    killed_after(als_net(checkpoint=tmp_path), 2, X, y, groups=subjects)
    (file,) = tmp_path.iterdir()
    target = tmp_path / "written"

    class Evil:
        def __reduce__(self):
            return (open, (str(target), "w"))

    file.write_bytes(pickle.dumps(Evil()))
    with pytest.warns(UserWarning, match="is not a checkpoint"):
        als_net(checkpoint=tmp_path).fit(X, y, groups=subjects)
    assert not target.exists()


KILLED = """
    import sys
    import numpy as np
    from sklearn_emg.neural_network import ALSNetClassifier

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 60)).astype(np.float32), np.arange(60) % 2
    net = ALSNetClassifier(n_filters=4, max_epochs=int(sys.argv[2]), random_state=0, patience=None,
                           checkpoint=sys.argv[1])
    net.fit(X, y, groups=np.arange(60) // 5)
    print(*net.predict_proba(X).ravel().tolist())
"""


def run_script(script, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, script, *map(str, arguments)],
        env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_process_that_is_killed_goes_on(tmp_path):
    script, folder = tmp_path / "script.py", tmp_path / "fits"
    script.write_text(textwrap.dedent(KILLED))
    n_epochs = 120
    process = run_script(script, folder, n_epochs)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        progress = checkpoint_progress(folder)
        if progress and progress[-1]["epoch"] >= 3:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert 3 <= checkpoint_progress(folder)[-1]["epoch"] < n_epochs
    process = run_script(script, folder, n_epochs)
    resumed = np.array(process.communicate()[0].split(), dtype=float)
    assert process.returncode == 0
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 60)).astype(np.float32), np.arange(60) % 2
    whole = ALSNetClassifier(n_filters=4, max_epochs=n_epochs, random_state=0, patience=None)
    whole.fit(X, y, groups=np.arange(60) // 5)
    np.testing.assert_array_equal(resumed, whole.predict_proba(X).ravel())
    assert list(folder.glob("*.safetensors")) == []


def test_a_setting_without_a_digest_is_named(tmp_path):
    X, y, _ = cohort()

    class Holds(Callback):
        def __init__(self):
            self.lock = threading.Lock()

    with pytest.raises(ValueError, match=r"'checkpoint' of ALSNetClassifier .*lock"):
        als_net(checkpoint=tmp_path, callbacks=[Holds()]).fit(X, y)


class Counter(Callback):
    """Keeps its state in checkpoints."""

    def on_train_begin(self, net, **kwargs):
        self.n = 0

    def on_epoch_end(self, net, **kwargs):
        self.n += 1

    def state_dict(self):
        return {"n": self.n}

    def load_state_dict(self, state):
        self.n = state["n"]


class Forgetful(Callback):
    pass


def test_callbacks_keep_their_state_or_a_warning_names_them(killed_after, tmp_path):
    X, y, _ = cohort()
    net = als_net(checkpoint=tmp_path, callbacks=[("counter", Counter())])
    killed_after(clone(net), 2, X, y)
    assert dict(net.fit(X, y).net_.callbacks_)["counter"].n == 6
    net = als_net(checkpoint=tmp_path, callbacks=[("forgetful", Forgetful())])
    killed_after(clone(net), 2, X, y)
    with pytest.warns(UserWarning, match="callback 'forgetful' is not in the checkpoint"):
        net.fit(X, y)


def test_a_full_disk_does_not_end_the_training(tmp_path, monkeypatch):
    X, y, subjects = cohort()

    def full(path, write):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_checkpoints, "write_atomically", full)
    with pytest.warns(UserWarning, match="could not be written: .*No space left.* continues"):
        net = als_net(checkpoint=tmp_path).fit(X, y, groups=subjects)
    assert_same_fit(net, als_net().fit(X, y, groups=subjects))


# Interrupts


class CtrlC(Callback):
    """Press Ctrl-C in the middle of the third epoch, while the network computes."""

    def on_grad_computed(self, net, **kwargs):
        if net.epoch_ == 2:
            handle = net.module_.register_forward_pre_hook(lambda *_: self.press(handle))

    @staticmethod
    def press(handle):
        handle.remove()
        raise KeyboardInterrupt

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def test_ctrl_c_ends_a_fit_with_a_checkpoint_and_not_one_without(tmp_path):
    X, y, _ = cohort()
    with pytest.warns(UserWarning, match="ALSNetClassifier was interrupted in epoch 3 of 6"):
        net = als_net(callbacks=[CtrlC()]).fit(X, y)
    assert net.predict(X).shape == y.shape
    with pytest.raises(KeyboardInterrupt, match="interrupted in epoch 3"):
        als_net(callbacks=[CtrlC()], checkpoint=tmp_path).fit(X, y)
    assert checkpoint_progress(tmp_path)[-1]["epoch"] == 2


def test_a_callback_may_stop_the_training(tmp_path, recwarn):
    X, y, _ = cohort()
    stop = EarlyStopping(monitor="valid_loss", patience=1, threshold=10, sink=lambda text: None)
    net = als_net(callbacks=[stop], checkpoint=tmp_path).fit(X, y)
    assert len(net.history_) < 6
    assert list(tmp_path.iterdir()) == []
    assert not [w for w in recwarn if "interrupted" in str(w.message)]


# Progress


def test_a_line_per_epoch_tells_losses_seconds_and_the_time_left(capsys):
    X, y, _ = cohort()
    als_net(verbose=1, max_epochs=2, patience=None).fit(X, y)
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("epoch 1 of 2: ")
    for name in ("train_loss", "valid_loss", "train_acc", "valid_acc", "lr", "(best)", " s, "):
        assert name in first
    assert first.endswith(" left")
    assert "at most" not in first
    assert last.endswith("; 0 s left") or last.endswith(", 0 s left")
    als_net(verbose=1, max_epochs=1, patience=5).fit(X, y)
    assert "at most" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0123, "0.012 s"), (45.4, "45 s"), (1140, "19 min"), (7500, "2 h 05 min")],
)
def test_durations_have_the_unit_that_fits(seconds, text):
    assert duration_text(seconds) == text


def test_progress_of_a_folder_without_checkpoints(tmp_path):
    assert checkpoint_progress(tmp_path / "none") == []
    (tmp_path / "other.safetensors").write_bytes(b"no checkpoint")
    assert checkpoint_progress(tmp_path) == []


# Which weights are kept


def test_weights_with_the_best_accuracy_are_kept_on_request():
    X, _, subjects = cohort(16)
    y = np.random.default_rng(1).integers(0, 2, len(X))
    by_loss, by_accuracy = (
        als_net(keep_best=by, max_epochs=20, patience=None, lr=0.03).fit(X, y, subjects)
        for by in ("loss", "accuracy")
    )
    rows = by_accuracy.history_
    assert by_loss.history_[:, "valid_loss"] == rows[:, "valid_loss"]  # the training is the same
    scores = [(-row["valid_acc"], row["valid_loss"]) for row in rows]
    best = int(np.argmin(rows[:, "valid_loss"])), scores.index(min(scores))
    assert best[0] != best[1]
    for net, epoch in zip((by_loss, by_accuracy), best):
        shorter = als_net(
            keep_best=net.keep_best, max_epochs=epoch + 1, patience=None, lr=0.03
        ).fit(X, y, subjects)
        np.testing.assert_array_equal(net.predict_proba(X), shorter.predict_proba(X))
    assert "valid_acc_best" in rows[-1]


def test_patience_counts_epochs_without_a_new_best_accuracy():
    X, _, subjects = cohort(16)
    y = np.random.default_rng(1).integers(0, 2, len(X))
    net = als_net(keep_best="accuracy", max_epochs=60, patience=3, lr=0.03).fit(X, y, subjects)
    scores = [(-row["valid_acc"], row["valid_loss"]) for row in net.history_]
    assert len(scores) == scores.index(min(scores)) + 4 < 60


def test_nemgnet_is_chosen_by_accuracy_as_published():
    assert NEMGNetClassifier().keep_best == "accuracy"
    assert NEMGNetClassifier().evaluate_every == 50


def test_a_regressor_has_no_accuracy():
    X, y, _ = cohort()
    with pytest.raises(ValueError, match="'keep_best' parameter of EMGRegressor must be 'loss'"):
        EMGRegressor(keep_best="accuracy").fit(X, y + 0.5)
