"""Types that load_model builds and that a saved system may therefore contain."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from sklearn.metrics import get_scorer, get_scorer_names

from sklearn_emg.deployment._places import (
    SavedMapping,
    SavedNeighbours,
    SavedNetwork,
    SavedTable,
)

# Packages whose estimators a system may contain.
_PACKAGES = (
    "feature_extraction",
    "feature_selection",
    "preprocessing",
    "model_selection",
    "ensemble",
    "neural_network",
    "motor_units",
    "prognosis",
    "adaptation",
)
_DATA_TYPES = ("builtins.frozenset", "numpy.dtype")
_KERNELS = (
    *("CompoundKernel", "ConstantKernel", "DotProduct", "ExpSineSquared", "Exponentiation"),
    *("Matern", "PairwiseKernel", "Product", "RBF", "RationalQuadratic", "Sum", "WhiteKernel"),
)
# Score functions of univariate selectors. They only compute on arrays, as functions of scorers do.
_FUNCTIONS = (
    "sklearn.feature_selection._mutual_info.mutual_info_classif",
    "sklearn.feature_selection._mutual_info.mutual_info_regression",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.feature_selection._univariate_selection.r_regression",
)
# Types of objects in fitted estimators that are not public estimators. _check_trees checks trees.
PARTS_OF_ESTIMATORS = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    *(f"sklearn.gaussian_process.kernels.{name}" for name in _KERNELS),
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._MultimetricScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.model_selection._split.GroupKFold",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.LeaveOneGroupOut",
    "sklearn.model_selection._split.StratifiedGroupKFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.multiclass._ConstantPredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
    "sklearn_emg.ensemble._fitting._GivenDecisions",
    "sklearn_emg.metrics._subjects._SubjectScorer",
    "pyriemann.tangentspace.TangentSpace",
    "sklearn_emg.feature_extraction._transforms._rocket.Convolutions",
    "sklearn_emg.feature_selection._mean_impurity_decrease",
    "sksurv.functions.StepFunction",
    "sksurv.linear_model.coxnet.CoxnetSurvivalAnalysis",
    "sksurv.linear_model.coxph.BreslowEstimator",
)


def trusted_types() -> list[str]:
    """List the types that :func:`load_model` builds.

    ``load_model`` also builds the types that skops itself trusts, which are mainly types of
    scikit-learn, NumPy and SciPy. They are not listed.

    Returns
    -------
    types : list of str
        Full names of the public estimators and splitters of this package, of parts of fitted
        estimators, of score functions and of a few data containers.

    Examples
    --------
    >>> from sklearn_emg.deployment import trusted_types
    >>> "sklearn_emg.ensemble._divote.DiVoteClassifier" in trusted_types()
    True
    """
    return sorted(_types_of(_PACKAGES))


def _types_of(packages: Iterable[str]) -> set[str]:
    """Return the trusted types; of the estimators, only those of the given packages."""
    places = map(name_of, (SavedMapping, SavedNeighbours, SavedNetwork, SavedTable))
    names = {*places, *_DATA_TYPES, *PARTS_OF_ESTIMATORS, *_FUNCTIONS}
    names |= {name_of(get_scorer(scorer)._score_func) for scorer in get_scorer_names()}
    for package in packages:
        module = importlib.import_module(f"sklearn_emg.{package}")
        for public in module.__all__:
            try:
                value = getattr(module, public)
            except ImportError:  # its extra is not installed, so that no system can contain it
                continue
            if isinstance(value, type) and any(hasattr(value, m) for m in ("get_n_splits", "fit")):
                names.add(name_of(value))
    return names


def unknown_types(found: Iterable[str], trusted: Iterable[str]) -> tuple[str, set[str]]:
    """Find the types in a file that are not trusted.

    Return their names, joined by commas, and the names of all trusted types.
    """
    # Only packages that occur are imported: a system without networks does not need PyTorch.
    packages = [p for p in _PACKAGES if any(n.startswith(f"sklearn_emg.{p}.") for n in found)]
    known = {*_types_of(packages), *trusted}
    return ", ".join(sorted(set(found) - known)), known


def name_of(cls: Any) -> str:
    """Return the full name of a class or function in the form that skops uses."""
    return f"{cls.__module__}.{cls.__qualname__}"
