"""Systems small enough to be trained in tests."""

from sklearn.naive_bayes import GaussianNB

# Rate in Hz, window and step in seconds: the minimum of the deepest network.
SIZES = {"cohort": (2000.0, 0.4, 0.4), "limb": (1000.0, 1.1, 1.1)}

# Networks small enough to train here; settings that a network lacks are omitted.
TINY = {
    "max_epochs": 1,
    "n_filters": 4,
    "n_hidden": 4,
    "n_units": 4,
    "validation_fraction": None,
    "kernel_size": 5,
    "batch_size": 64,
    "pretrain_epochs": 1,
    "optimizer": "SGD",  # keeps no moments of the 140 million weights of VGG19
}
SIDE = {"inception_v3": 75, "inception_v4": 75}  # smallest size in pixels; 32 for the others


def shrink(estimator):
    params = estimator.get_params()
    small = {}
    for name, value in params.items():
        last = name.rsplit("__", 1)[-1]
        if last in TINY and "divote" in name and "classifier" not in name:
            tiny = TINY[last]
            is_sequence = isinstance(value, (tuple, list))
            small[name] = (tiny,) * len(value) if is_sequence else tiny
        elif last == "architecture":
            small[f"{name.removesuffix(last)}resize"] = SIDE.get(value, 32)
        elif last == "n_estimators":
            small[name] = 5
        elif last == "max_iter" and value is not None:
            small[name] = 20
    return estimator.set_params(**small)


class Pretrained(GaussianNB):
    """Keeps its pretraining subjects when it is cloned, as TransferClassifier does."""

    def __sklearn_clone__(self):
        copy = type(self)()
        copy.__dict__.update({k: v for k, v in vars(self).items() if k.startswith("source_")})
        return copy


def pretrained(subjects):
    model = Pretrained()
    model.source_, model.source_subjects_ = GaussianNB(), subjects
    return model
