"""skorch nets of the estimators, with a fast training loop.

skorch provides callbacks, history, state handling and pickling across devices. Its loop over
batches is replaced because setting the mode of every layer, notifying every callback and writing
two history rows for each batch take longer than the training step of a small network.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import EpochTimer, ProgressBar
from skorch.history import History
from torch import nn

from sklearn_emg._warnings import warn
from sklearn_emg.neural_network._checkpoints import Checkpoint
from sklearn_emg.neural_network._data._batches import BatchIterator, SequenceDataset, WindowDataset
from sklearn_emg.neural_network._parameters import MIN_BATCH
from sklearn_emg.neural_network._progress import EpochLog, progress_of

# Optimisers with a fused step, which is one call instead of a Python loop over parameters. PyTorch
# has had fused steps on the CPU since version 2.4.
_FUSED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)


class _BestWeights:
    """Weights with the best validation result so far, in buffers that are allocated once.

    The best weights are those with the lowest loss or, if ``by`` is "accuracy", those with the
    highest accuracy and, among equal accuracies, the lowest loss.
    """

    def __init__(self, module: nn.Module, by: str = "loss") -> None:
        self.module = module
        self.by = by
        self.score: tuple[float, ...] = (np.inf, np.inf)  # lower is better
        self._kept: dict[str, torch.Tensor] | None = None

    def offer(self, figures: tuple[float, float | None]) -> bool:
        """Store the current weights if they are the best so far, and return whether they are.

        ``figures`` are the loss and the accuracy of the current weights.
        """
        loss, accuracy = figures
        score = (loss,) if self.by == "loss" or accuracy is None else (-accuracy, loss)
        if np.isnan(loss) or not score < self.score:
            return False
        self.score = score
        state = self.module.state_dict()
        if self._kept is None:
            self._kept = {name: value.detach().clone() for name, value in state.items()}
        else:
            for name, value in state.items():
                self._kept[name].copy_(value)
        return True

    def restore(self) -> None:
        if self._kept is not None:
            self.module.load_state_dict(self._kept)

    def state_dict(self) -> dict[str, Any]:
        return {"score": self.score, "kept": self._kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.score, self._kept = state["score"], state["kept"]
        if self._kept is not None:
            on = {name: value.device for name, value in self.module.state_dict().items()}
            self._kept = {name: value.to(on[name]) for name, value in self._kept.items()}


class _Plateau:
    """Count the epochs without a new best result, for early stopping and the learning rate."""

    def __init__(self) -> None:
        self.waited = self.since_reduction = 0

    def note(self, improved: bool) -> None:
        self.waited = 0 if improved else self.waited + 1
        self.since_reduction = 0 if improved else self.since_reduction + 1

    def is_over(self, patience: int | None) -> bool:
        return patience is not None and self.waited >= patience

    def wants_lower_rate(self, patience: int | None) -> bool:
        """Return whether to lower the learning rate now; if so, restart the count."""
        due = patience is not None and self.since_reduction >= patience
        if due:
            self.since_reduction = 0
        return due


class _TrainingLoop(NeuralNet):
    """A skorch net with fast batches, best weights, early stopping and plateau detection.

    Parameters beyond skorch's
    --------------------------
    weight_decay : float
        L2 penalty on kernels and weight matrices only.
    mixed : bool
        Whether training and validation use bfloat16 autocast.
    keep_best : {"loss", "accuracy"}
        Validation result by which the weights are chosen.
    evaluate_every : int or None
        Number of updates between validations, in addition to those at the end of each epoch.
    patience : int or None
        Number of epochs without a new best result after which training stops; None never stops.
    lr_patience : int or None
        If this number of epochs brings neither a new best result nor a reduction of the learning
        rate, the learning rate is multiplied by ``lr_factor``; None never lowers it.
    lr_factor : float
        Factor by which the learning rate is multiplied.
    """

    module_: Any
    _in_training = False

    def __init__(
        self,
        *args: Any,
        weight_decay: float = 0.0,
        mixed: bool = False,
        keep_best: str = "loss",
        evaluate_every: int | None = None,
        patience: int | None = None,
        lr_patience: int | None = None,
        lr_factor: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            *args,
            dataset=WindowDataset,
            iterator_train=BatchIterator,
            iterator_valid=BatchIterator,
            train_split=None,
            **kwargs,
        )
        self.weight_decay = weight_decay
        self.mixed = mixed
        self.keep_best = keep_best
        self.evaluate_every = evaluate_every
        self.patience = patience
        self.lr_patience = lr_patience
        self.lr_factor = lr_factor

    @property
    def _default_callbacks(self):
        log = [("print_log", EpochLog())] if self.verbose else []
        bar = [("progress_bar", ProgressBar())] if self.verbose > 1 else []
        return [("epoch_timer", EpochTimer()), *log, *bar]

    # Components that skorch builds

    def has_module_of(self, other: _TrainingLoop) -> bool:
        """Return whether this net would build a module equal to that of an earlier net."""
        same_settings = self.get_params_for("module") == other.get_params_for("module")
        return self.module is other.module and same_settings

    def take_over(self, other: _TrainingLoop) -> None:
        """Continue with the module, optimiser state and history of an earlier net."""
        self.initialize_around(other.module_)
        state = other.optimizer_.state_dict()
        if state["state"] and type(other.optimizer_) is type(self.optimizer_):
            # Moments are those of the earlier net; the learning rate and other settings are not.
            groups = self.optimizer_.state_dict()["param_groups"]
            self.optimizer_.load_state_dict({"state": state["state"], "param_groups": groups})
        self.history_: Any = other.history_

    def tensors(self) -> list[np.ndarray]:
        """Return the weights and the tensors in the state of the optimiser, as arrays."""
        found = [*self.module_.state_dict().values()]
        for moments in self.optimizer_.state_dict()["state"].values():
            found += [value for value in moments.values() if isinstance(value, torch.Tensor)]
        return [value.detach().float().cpu().numpy() for value in found]

    def initialize_around(self, module: nn.Module) -> None:
        """Initialise the net with an existing module."""
        # skorch allows assignment to the attribute only during initialisation.
        self.__dict__["module_"] = module
        self.initialize()

    def initialize_module(self):
        """Keep an existing module, or build one."""
        if not hasattr(self, "module_"):
            return super().initialize_module()
        self.module_ = self.module_  # this registers the module as a component with skorch
        return self

    def initialize_optimizer(self, triggered_directly=None):
        """Build the optimiser, with weight decay on kernels and weight matrices only."""
        decayed: list[torch.Tensor] = []
        others: list[torch.Tensor] = []
        for _, parameter in self.get_all_learnable_params():
            if parameter.requires_grad:
                (decayed if parameter.ndim >= 2 else others).append(parameter)
        groups = [
            {"params": decayed, "weight_decay": self.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        settings = {"lr": self.lr, **self.get_params_for("optimizer")}
        if self.optimizer in _FUSED and _fused_works_on(self.device):
            settings.setdefault("fused", not settings.get("foreach", False))
        self.optimizer_ = self.optimizer([g for g in groups if g["params"]], **settings)
        return self

    def torch_compile(self, module, name):
        """Compile in place, so that names in the state stay the same and the net can be pickled."""
        if self.compile and name == "module":
            module.compile()
        return module

    # Training

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the callbacks; if one raises KeyboardInterrupt, training ends, as in skorch."""
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt:
            self.was_interrupted_ = False
            raise

    def check_data(self, X, y=None):
        """Do nothing, since the estimator has checked the data."""

    def fit_loop(
        self,
        X: WindowDataset,
        y: None = None,
        epochs: int | None = None,
        *,
        valid: WindowDataset | None = None,
        strata: np.ndarray | None = None,
        augment: Any = None,
        checkpoint: Checkpoint | None = None,
        divide_threads: Callable[[], Any] = lambda: None,
        **_: Any,
    ):
        """Train on the windows ``X``, and validate on ``valid`` if it is given.

        With a checkpoint, training continues where it was interrupted, and its state is stored
        after each epoch.
        """
        batches = self.get_iterator(X, training=True)
        batches.stratify(strata)
        batches.augment = augment
        valid_batches = None if valid is None else self.get_iterator(valid, training=False)
        best = None if valid is None else _BestWeights(self.module_, self.keep_best)
        plateau = _Plateau()
        self._best, self._updates, self._lowest = best, 0, np.inf
        self._in_training = self.was_interrupted_ = True
        self.cpu_seconds_ = 0.0
        self.epoch_, self.n_epochs_ = 0, self.max_epochs if epochs is None else epochs
        # The progress bar reads the history of single batches, as user callbacks may do.
        watched = self.verbose > 1 or len(self.callbacks_) > len(self._default_callbacks)
        if checkpoint is not None and checkpoint.found is not None:
            self._load_state(checkpoint.found, batches, plateau)
        start = time.process_time() - self.cpu_seconds_

        while self.epoch_ < self.n_epochs_ and not (best and plateau.is_over(self.patience)):
            divide_threads()
            self.notify("on_epoch_begin", dataset_train=X, dataset_valid=valid)
            self.history_.record("lr", self.optimizer_.param_groups[0]["lr"])
            improved = self._train_and_validate(batches, valid_batches, watched)
            self.epoch_ += 1
            self.cpu_seconds_ = time.process_time() - start
            self.notify("on_epoch_end", dataset_train=X, dataset_valid=valid)
            plateau.note(improved)
            if plateau.wants_lower_rate(self.lr_patience):
                for group in self.optimizer_.param_groups:
                    group["lr"] *= self.lr_factor
            if checkpoint is not None:
                checkpoint.write(self._state(batches, plateau), progress_of(self))
        self.was_interrupted_ = False
        return self

    def _train_and_validate(
        self, batches: BatchIterator, valid_batches: BatchIterator | None, watched: bool
    ) -> bool:
        """Train for one epoch and record it; return whether the result is a new best."""
        best = self._best
        if valid_batches is None or best is None:
            self._train_epoch(batches, None, watched)
            loss = self.history_[-1]["train_loss"]
            improved = loss < self._lowest
            self._lowest = min(self._lowest, loss)
            self.history_.record("train_loss_best", improved)
            return improved
        before = best.score
        self._train_epoch(batches, valid_batches, watched)
        figures = self._run(valid_batches, False, watched)
        self._record("valid", figures)
        best.offer(figures)
        improved = best.score < before
        kind = "loss" if self.keep_best == "loss" else "acc"
        self.history_.record(f"valid_{kind}_best", improved)
        return improved

    # State between epochs, for checkpoints

    def _state(self, batches: BatchIterator, plateau: _Plateau) -> dict[str, Any]:
        on_cuda = torch.device(self.device).type == "cuda"
        return {
            "epoch": self.epoch_,
            "module": self.module_.state_dict(),
            "criterion": self.criterion_.state_dict(),
            "optimizer": self.optimizer_.state_dict(),
            "best": None if self._best is None else self._best.state_dict(),
            "plateau": vars(plateau),
            "updates": self._updates,
            "cpu_seconds": self.cpu_seconds_,
            "lowest": self._lowest,
            "history": list(self.history_),
            "generator": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state(self.device) if on_cuda else None,
            "batches": batches.state_dict(),
            "callbacks": {
                name: callback.state_dict()
                for name, callback in self.callbacks_
                if hasattr(callback, "state_dict")
            },
        }

    def _load_state(self, state: dict[str, Any], batches: BatchIterator, plateau: _Plateau) -> None:
        self.module_.load_state_dict(state["module"])
        self.criterion_.load_state_dict(state["criterion"])
        self.optimizer_.load_state_dict(state["optimizer"])
        if self._best is not None:
            self._best.load_state_dict(state["best"])
        vars(plateau).update(state["plateau"])
        self.epoch_, self._updates = state["epoch"], state["updates"]
        self.cpu_seconds_ = state["cpu_seconds"]
        self._lowest = state["lowest"]
        self.history_ = History(state["history"])
        torch.set_rng_state(state["generator"])
        if state["cuda"] is not None:
            torch.cuda.set_rng_state(state["cuda"], self.device)
        batches.load_state_dict(state["batches"])
        own = {name for name, _ in self._default_callbacks}
        for name, callback in self.callbacks_:
            if name in state["callbacks"]:
                callback.load_state_dict(state["callbacks"][name])
            elif name not in own:
                warn(
                    f"The callback {name!r} is not in the checkpoint, since it has no state_dict, "
                    "and starts from its initial state. If it affects training, the weights differ "
                    "from those of uninterrupted training.",
                    UserWarning,
                )

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Restore the best weights, and release memory that only training needs."""
        super().on_train_end(net, X, y, **kwargs)
        best = self.__dict__.pop("_best", None)
        if best is not None:
            best.restore()
        self._in_training = False
        self.optimizer_.zero_grad(set_to_none=True)

    def forget_optimizer_state(self) -> None:
        """Delete the moments, which for Adam take twice as much memory as the weights."""
        self.optimizer_.state.clear()

    def _set_training(self, training: bool = True) -> None:
        """Set the mode; frozen layers stay in evaluation mode and keep their running statistics."""
        super()._set_training(training)
        if training and not all(p.requires_grad for p in self.module_.parameters()):
            for layer in self.module_.modules():
                needs_grad = [p.requires_grad for p in layer.parameters()]
                if needs_grad and not any(needs_grad):
                    layer.eval()

    def _train_epoch(
        self, batches: BatchIterator, valid_batches: BatchIterator | None, watched: bool
    ) -> None:
        """Train on each window once, and raise an error if the loss is no longer finite."""
        figures = self._run(batches, True, watched, valid_batches)
        self._record("train", figures)
        if not np.isfinite(figures[0]):
            raise ValueError(
                f"Training diverged: the loss of epoch {len(self.history_)} is {figures[0]}. Lower "
                "'lr', or scale the input (EMG in millivolts is well scaled)."
            )

    def _record(self, prefix: str, figures: tuple[float, float | None]) -> None:
        loss, accuracy = figures
        self.history_.record(f"{prefix}_loss", loss)
        if accuracy is not None:
            self.history_.record(f"{prefix}_acc", accuracy)

    def _run(
        self,
        batches: BatchIterator,
        training: bool,
        watched: bool,
        valid_batches: BatchIterator | None = None,
    ) -> tuple[float, float | None]:
        """Train or evaluate on all batches; return the mean loss and accuracy over windows."""
        losses, hits, sizes = [], [], []
        self._set_training(training)
        for batch in batches:
            if watched:
                self.notify("on_batch_begin", batch=batch, training=training)
            step = self._step(batch, watched) if training else self.validation_step(batch)
            # Losses remain tensors, since reading a number from a GPU would wait for the device.
            losses.append(step["loss"].detach())
            if (n_hits := self._hits(step["y_pred"], batch[1])) is not None:
                hits.append(n_hits)
            sizes.append(len(batch[1]))
            if watched:
                prefix = "train" if training else "valid"
                self.history_.record_batch(f"{prefix}_loss", losses[-1].item())
                self.history_.record_batch(f"{prefix}_batch_size", sizes[-1])
                self.notify("on_batch_end", batch=batch, training=training, **step)
            if training:
                self._updates += 1
                due = self.evaluate_every and self._updates % self.evaluate_every == 0
                if due and valid_batches is not None and self._best is not None:
                    self._best.offer(self._run(valid_batches, False, False))
                    self._set_training(True)
        weights = torch.tensor(sizes, dtype=torch.float64)
        loss = (torch.stack(losses).double().cpu() * weights).sum() / weights.sum()
        accuracy = None
        if hits:
            accuracy = (torch.stack(hits).sum().double().cpu() / weights.sum()).item()
        return loss.item(), accuracy

    def _step(self, batch: tuple[torch.Tensor, torch.Tensor], watched: bool) -> dict[str, Any]:
        """Update the weights once."""
        step: dict[str, Any] = {}

        def closure() -> torch.Tensor:
            self.optimizer_.zero_grad()
            y_pred = self.infer(batch[0])
            loss = self.get_loss(y_pred, batch[1])
            loss.backward()
            if not step:  # if an optimiser calls this several times, only the first is recorded
                step.update(loss=loss, y_pred=y_pred.detach())
            if watched:
                self.notify(
                    "on_grad_computed",
                    named_parameters=list(self.get_all_learnable_params()),
                    batch=batch,
                    training=True,
                )
            return loss

        self.optimizer_.step(closure)
        return step

    def validation_step(self, batch, **fit_params):
        """Compute the loss and output of one batch; the caller has set evaluation mode."""
        with torch.no_grad():
            y_pred = self.infer(batch[0])
            return {"loss": self.get_loss(y_pred, batch[1]), "y_pred": y_pred}

    def infer(
        self, x: torch.Tensor | tuple[torch.Tensor, torch.Tensor], **fit_params: Any
    ) -> torch.Tensor:
        """Compute the output in float32 for windows, or for padded signals and their lengths."""
        windows, *lengths = x if isinstance(x, tuple) else (x,)
        windows = windows.to(self.device, non_blocking=True)
        # Predictions use full precision and thus do not depend on `mixed`.
        if not (self.mixed and self._in_training):
            return self.module_(windows, *lengths)
        with torch.autocast(windows.device.type, dtype=torch.bfloat16):
            return self.module_(windows, *lengths).float()

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        """Compute the loss of one batch."""
        y_true = y_true.to(self.device, non_blocking=True)
        if isinstance(self.criterion_, nn.NLLLoss):  # it takes log-probabilities
            y_pred = y_pred.log_softmax(dim=1)
        try:
            loss = self.criterion_(y_pred, y_true)
        except torch.cuda.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, IndexError) as error:
            raise ValueError(
                f"The 'loss' {type(self.criterion_).__name__} cannot take outputs of shape "
                f"{tuple(y_pred.shape)} and targets of shape {tuple(y_true.shape)} and type "
                f"{str(y_true.dtype).removeprefix('torch.')}: {error}"
            ) from error
        if loss.ndim:
            raise ValueError(
                f"The 'loss' {type(self.criterion_).__name__} must return one number for a batch, "
                f"but returned the shape {tuple(loss.shape)}. Use reduction='mean', for instance."
            )
        return loss

    def _hits(self, y_pred: torch.Tensor, y_true: torch.Tensor) -> torch.Tensor | None:
        """Count the correct predictions; return None for a regressor."""
        return None

    # Inference

    def raw_output(self, X: torch.Tensor | SequenceDataset, batch_size: int) -> np.ndarray:
        """Compute the output for every window, without the overhead of skorch for each batch.

        No batch is smaller than ``MIN_BATCH``, so that the output for a window does not depend on
        the other windows in the call.
        """
        n, n_rows = len(X), max(len(X), MIN_BATCH)
        order = None
        if isinstance(X, SequenceDataset):  # signals of similar length share a batch
            order = X.lengths.argsort(stable=True)
            order = torch.cat([order, order[-1:].expand(n_rows - n)])
        elif n < n_rows:
            X = torch.cat([X, X[-1:].expand(n_rows - n, *X.shape[1:])])
        starts = list(range(0, n_rows, batch_size))
        if n_rows - starts[-1] < MIN_BATCH and len(starts) > 1:
            starts.pop()
        bounds = list(zip(starts, [*starts[1:], n_rows]))
        self.module_.eval()
        with torch.inference_mode(), single_precision():
            if isinstance(X, SequenceDataset):
                rows = cast("torch.Tensor", order)
                parts = [self.infer(X.take(rows[i:j])[0]) for i, j in bounds]
            else:
                parts = [self.infer(X[i:j]) for i, j in bounds]
            output = (parts[0] if len(parts) == 1 else torch.cat(parts))[:n].cpu().numpy()
        if order is not None:
            output[order[:n].numpy()] = output.copy()
        return output


class ClassifierNet(_TrainingLoop, NeuralNetClassifier):
    """Net that learns class codes and computes probabilities by softmax."""

    def _hits(self, y_pred, y_true):
        return (y_pred.argmax(dim=1) == y_true.to(y_pred.device)).sum()


class RegressorNet(_TrainingLoop, NeuralNetRegressor):
    """Net that learns standardised targets."""


def _fused_works_on(device: str) -> bool:
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    kind = torch.device(device).type
    return kind == "cuda" or (kind == "cpu" and version >= (2, 4))


@contextmanager
def single_precision() -> Iterator[None]:
    """Create tensors in float32 inside the block, whatever PyTorch's default type is."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed PyTorch's generators inside the block, and restore their states after it.

    This is needed because initial weights and dropout can only be drawn from global generators.
    """
    on_cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_cuda else []), single_precision():
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
