"""Saving and loading of fitted systems: networks as safetensors, all other parts by skops."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
import re
import sys
import warnings
import zipfile
from collections import UserDict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._files import existing_file, json_digest, read_bytes, refusing, write_atomically
from sklearn_emg._tables import counted
from sklearn_emg._validation import require
from sklearn_emg._version import __version__
from sklearn_emg.deployment._places import (
    SavedMapping,
    SavedNeighbours,
    SavedNetwork,
    SavedTable,
    is_mapping,
    is_table,
    known_network,
    neighbours_of,
    network_class,
    saved_table,
)
from sklearn_emg.deployment._probes import check_values, complete, probed, values_of
from sklearn_emg.deployment._trusted import PARTS_OF_ESTIMATORS, name_of, unknown_types

_FORMAT = "sklearn_emg system 1"
_DESCRIPTION, _SYSTEM = "system.json", "system.skops"
_PARTS = {"format", "versions", "files", "networks", "checks", "digest"}
_FILE_NAME = re.compile(r"system\.skops|network_\d{1,4}\.(safetensors|json)")
_MAX_DESCRIPTION_BYTES = 2**20
_MAX_BYTES = 2**32
# Oldest version of scikit-learn that pyproject.toml allows.
_OLDEST_SKLEARN = (1, 6)
_SAVING = "sklearn_emg.deployment.save_model"
_EXTRA = "deploy"


def _versions() -> dict[str, str]:
    return {
        "sklearn_emg": __version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "python": sys.version.split()[0],
    }


def _parts(value: Any, seen: set[int]) -> Iterator[Any]:
    """Yield the objects in a system, at any depth."""
    if id(value) in seen:
        return
    seen.add(id(value))
    yield value
    inner: Iterable[Any] = ()
    if isinstance(value, (dict, UserDict)):
        inner = value.values()
    elif isinstance(value, (list, tuple)):
        inner = value
    elif isinstance(value, np.ndarray):
        inner = value.ravel().tolist() if value.dtype == object else ()
    elif _has_parts(value):
        inner = getattr(value, "__dict__", {}).values()
    for entry in inner:
        yield from _parts(entry, seen)


def _has_parts(value: Any) -> bool:
    own = type(value).__module__.startswith("sklearn_emg.")
    return own or isinstance(value, BaseEstimator) or name_of(type(value)) in PARTS_OF_ESTIMATORS


def _networks(model: Any) -> list[Any]:
    """Return the fitted networks in a system."""
    package = "sklearn_emg.neural_network."
    return [
        part
        for part in _parts(model, set())
        if type(part).__module__.startswith(package) and "net_" in getattr(part, "__dict__", {})
    ]


def save_model(model: Any, path: str | os.PathLike[str], *, trusted: Iterable[str] = ()) -> Path:
    """Write a fitted system with all its parts to a folder.

    The parts include filters, features, selectors, classifiers and votes. Networks are written by
    :func:`sklearn_emg.neural_network.save_model`, with the weights in safetensors and everything
    else in JSON. All other parts are written by skops without pickle. The file ``system.json``
    contains the versions and the SHA-256 digest of each file.

    Parameters
    ----------
    model : estimator
        Fitted estimator, such as a Pipeline, a DiVoteClassifier, a search, a network or any part of
        them.
    path : str or path-like
        Folder to write. A folder with a saved system is replaced.
    trusted : iterable of str, default=()
        Full names of further types in the system, for example of your own function in a
        FunctionTransformer. ``load_model`` needs the same names.

    Returns
    -------
    path : Path
        Path of the folder.

    Raises
    ------
    NotFittedError
        If the system is not fitted.
    FileExistsError
        If `path` is a file, or a folder that contains anything other than a saved system.
    TypeError
        If the system contains types that ``load_model`` would refuse, which the message names, or
        an object that skops cannot write, such as an open file.

    See Also
    --------
    load_model : Reads the folder.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.deployment import load_model, save_model
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> X = np.random.default_rng(0).normal(size=(20, 50))
    >>> y = np.repeat(["control", "patient"], 10)
    >>> model = make_pipeline(TimeDomainFeatures(fs=1000.0), LogisticRegression()).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = load_model(save_model(model, f"{folder}/model"))
    >>> bool((again.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    skops = require("skops.io", _SAVING, _EXTRA)
    check_is_fitted(model)
    trusted = _names(trusted)
    _check_replaceable(Path(path))
    networks = _networks(model)
    for network in networks:
        module = network.get_params(deep=False).get("module", "")
        if not isinstance(module, str) and known_network(module) is None:
            raise TypeError(
                f"save_model: the system contains a network of the class {module!r}, which "
                "load_model does not build. Save the network alone with "
                "sklearn_emg.neural_network.save_model."
            )
    try:
        skeleton = copy.deepcopy(model, _places_of(model, networks))
        content = skops.dumps(skeleton)
    except Exception as error:
        raise TypeError(
            f"save_model cannot write {type(model).__name__}, which contains an object that skops "
            f"cannot write: {error}"
        ) from error
    unknown, _ = unknown_types(skops.get_untrusted_types(data=content), trusted)
    if unknown:
        raise TypeError(
            f"save_model: the system contains {unknown}, which load_model does not build, because "
            "building it could execute code. Use estimators of scikit-learn and of this package, "
            "or name the types in 'trusted' of both save_model and load_model."
        )

    def write(folder: Path) -> None:
        folder.mkdir()
        (folder / _SYSTEM).write_bytes(content)
        for number, network in enumerate(networks):
            from sklearn_emg.neural_network import save_model as save_network

            save_network(network, folder / f"network_{number}")
        # A lock file that save_network may leave in the folder is not part of the model.
        written = [f for f in sorted(folder.iterdir()) if _FILE_NAME.fullmatch(f.name)]
        description = {
            "format": _FORMAT,
            "versions": _versions(),
            "networks": len(networks),
            "checks": [values_of(part) for part in _probed(_with_neighbours(skeleton))],
            "files": {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in written},
        }
        text = json.dumps({**description, "digest": json_digest(description)}, indent=1)
        (folder / _DESCRIPTION).write_text(text + "\n", encoding="utf-8")

    return write_atomically(path, write)


def _places_of(model: Any, networks: list[Any]) -> dict[int, Any]:
    """Return the placeholders of networks, tables and some mappings, by the ``id`` of each."""
    places: dict[int, Any] = {}
    for number, network in enumerate(networks):
        module = network.get_params(deep=False).get("module", "")
        places[id(network)] = SavedNetwork(number, known_network(module))
    parts = list(_parts(model, set()))
    places |= neighbours_of(parts)
    places |= {id(part): saved_table(part) for part in parts if is_table(part)}
    mappings = [SavedMapping(list(p), list(p.values())) for p in parts if is_mapping(p)]
    places |= dict(zip([id(part) for part in parts if is_mapping(part)], mappings))
    for mapping in mappings:
        mapping.values = copy.deepcopy(mapping.values, places)
    return places


def _with_neighbours(model: Any) -> Any:
    """Return the system with its neighbour trees, rebuilt from their samples."""
    places = [part for part in _parts(model, set()) if isinstance(part, SavedNeighbours)]
    found = {id(place): place.restored() for place in places}
    return copy.deepcopy(model, found) if found else model


def _probed(skeleton: Any) -> list[BaseEstimator]:
    return probed(_parts(skeleton, set()), lambda part: _parts(part, set()))


def _names(trusted: Iterable[str]) -> list[str]:
    """Return the names of trusted types; a single string is refused, not split into letters."""
    if isinstance(trusted, str):
        raise TypeError(f"'trusted' must be a list of names of types: give [{trusted!r}].")
    return list(trusted)


def _check_replaceable(path: Path) -> None:
    """Raise an error if the path holds anything other than a saved system or an empty folder."""
    if not path.exists():
        return
    if not path.is_dir():
        raise FileExistsError(f"{path} is a file. Give the path of a folder.")
    names = sorted(file.name for file in path.iterdir())
    foreign = [n for n in names if n != _DESCRIPTION and not _FILE_NAME.fullmatch(n)]
    if foreign:
        raise FileExistsError(
            f"{path} contains {foreign[0]!r}, which is not part of a saved system and would be "
            "lost. Give the path of a new folder."
        )


def load_model(
    path: str | os.PathLike[str], *, trusted: Iterable[str] = (), device: str | None = None
) -> Any:
    """Read a system that :func:`save_model` wrote.

    With the same versions of all packages and on the same device, its predictions are bit-identical
    to the predictions of the system that was saved. Loading executes no code from the files: it
    builds only the types of :func:`trusted_types`, those named in `trusted`, and those that skops
    itself trusts, which are mainly types of scikit-learn, NumPy and SciPy. The digests detect
    damaged and replaced files, but they do not prove who wrote the files. The nodes of trees are
    checked. However, a forged file may contain inconsistent sizes, which could crash compiled code
    of scikit-learn.

    Parameters
    ----------
    path : str or path-like
        Folder of the saved system.
    trusted : iterable of str, default=()
        Full names of further types to build. Name only types that you trust, because building a
        type can execute its code.
    device : str, default=None
        Device for the networks in the system, such as "cpu" for a model that was saved on a GPU.

    Returns
    -------
    model : estimator
        The fitted system.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is damaged or was changed, if it contains types that are not trusted, or if it was
        written by an incompatible version. The message names that version and the installed one.

    See Also
    --------
    save_model : Writes the folder; its example also loads a system.

    Notes
    -----
    A version of sklearn_emg is incompatible if its major or minor number differs from that of the
    installed version. A version of scikit-learn is incompatible if it is older than 1.6, if its
    major number differs, or if the installed version does not reproduce the outputs on random rows
    that were stored with the system.
    """
    skops = require("skops.io", "sklearn_emg.deployment.load_model", _EXTRA)
    folder, trusted = Path(path), _names(trusted)
    description = _described(folder)
    _check_versions(folder, description["versions"])
    _check_digests(folder, description["files"])
    content = read_bytes(existing_file(folder / _SYSTEM), _MAX_BYTES)
    with refusing(f"{folder / _SYSTEM} cannot be used", zipfile.BadZipFile):
        model = _built(skops, content, description, trusted)
        parts = list(_parts(model, set()))
        modules = _modules_of(parts, description["networks"])
        places = [part for part in parts if isinstance(part, (SavedMapping, SavedTable))]
        found = {id(place): place.restored() for place in places}
    if modules:
        from sklearn_emg.neural_network import load_model as load_network

        for place, module in modules:
            file = folder / f"network_{place.number}"
            found[id(place)] = load_network(file, module=module, device=device)
    _fill(places, found)
    return copy.deepcopy(model, found) if found else model


def _fill(places: list[Any], found: dict[int, Any]) -> None:
    """Fill the restored mappings with their values, in which placeholders are replaced."""
    for place in places:
        if isinstance(place, SavedMapping):
            values = copy.deepcopy(place.values or [], found)
            found[id(place)].update(zip(place.keys or [], values))


def _check_digests(folder: Path, files: dict[str, str]) -> None:
    """Raise an error if the digest of a file is not the one in the description."""
    for name, digest in files.items():
        found = hashlib.sha256(read_bytes(existing_file(folder / name), _MAX_BYTES)).hexdigest()
        if found != digest:
            raise ValueError(
                f"{folder / name} does not match {folder / _DESCRIPTION}, which contains a "
                "different SHA-256 digest. The file is damaged or belongs to a different model. "
                "Copy the folder again from its source."
            )


def _built(skops: Any, content: bytes, description: dict[str, Any], trusted: list[str]) -> Any:
    """Build the system from trusted types only; placeholders are not yet replaced."""
    _check_archive(content)
    unknown, known = unknown_types(skops.get_untrusted_types(data=content), trusted)
    if unknown:
        raise ValueError(
            f"it contains {unknown}. Types that are not trusted are not built, because building "
            "them could execute code"
        )
    with warnings.catch_warnings(action="ignore", category=InconsistentVersionWarning):
        # A warning about a different version of scikit-learn is not needed, since the outputs of
        # the estimators are compared with the stored values below.
        model = _with_neighbours(skops.loads(content, trusted=sorted(known)))
    _check_trees(list(_parts(model, set())))
    _check_values(model, description)
    return model


def _modules_of(parts: list[Any], n_networks: int) -> list[tuple[SavedNetwork, Any]]:
    """Return the placeholders of networks, and the class of each if the files do not name it."""
    places = [part for part in parts if isinstance(part, SavedNetwork)]
    if sorted(place.number for place in places) != list(range(n_networks)):
        raise ValueError(f"it does not contain the {counted(n_networks, 'network')} described")
    return [
        (place, None if place.module is None else network_class(place.module)) for place in places
    ]


def _description_of(folder: Path) -> Path:
    """Return the path of the description; raise an error if the folder has none."""
    file = folder / _DESCRIPTION
    if not file.exists():
        raise FileNotFoundError(
            f"{folder} is not a folder written by save_model: it contains no file {_DESCRIPTION}."
        )
    return file


def _described(folder: Path) -> dict[str, Any]:
    """Read and check the description."""
    file = _description_of(folder)
    text = read_bytes(existing_file(file), _MAX_DESCRIPTION_BYTES)
    with refusing(f"{file} was not written by save_model"):
        description = json.loads(text)
        if not isinstance(description, dict) or description.get("format") != _FORMAT:
            raise ValueError(f"its format is not {_FORMAT!r}")
        if description.keys() != _PARTS:
            raise ValueError(f"its keys are {sorted(description)[:20]}, not {sorted(_PARTS)}")
        if description.pop("digest") != json_digest(description):
            raise ValueError("its digest does not match its content, which was changed")
        n_networks, files = description["networks"], description["files"]
        if type(n_networks) is not int or not 0 <= n_networks < 10_000:
            raise ValueError(f"the number of networks is {n_networks!r}")
        expected = {f"network_{k}.{e}" for k in range(n_networks) for e in ("json", "safetensors")}
        if files.keys() != {_SYSTEM, *expected}:
            raise ValueError(f"it names the files {sorted(files)[:20]}")
    return description


def _check_versions(folder: Path, written: Any) -> None:
    """Raise an error if the system was written by an incompatible version."""
    here = _versions()
    with refusing(f"{folder / _DESCRIPTION} was not written by save_model"):
        written = {name: str(written[name]) for name in here}
    for name, fits in (("sklearn_emg", _same_minor), ("scikit-learn", _comparable)):
        if not fits(written[name], here[name]):
            raise ValueError(
                f"{folder} was written with {name} {written[name]}, but the installed {name} "
                f"{here[name]} may interpret it differently. Install {name} {written[name]}, or "
                "fit and save the system again."
            )


def _numbers(version: str) -> tuple[int, ...]:
    """Return the major and minor numbers of a version, or (0,) for a string without them."""
    found = re.match(r"(\d{1,6})\.(\d{1,6})", version)
    return tuple(map(int, found.groups())) if found else (0,)


def _same_minor(written: str, here: str) -> bool:
    return _numbers(written) == _numbers(here)


def _comparable(written: str, here: str) -> bool:
    """Return whether the outputs of two versions of scikit-learn may be compared."""
    return _numbers(written)[0] == _numbers(here)[0] and _numbers(written) >= _OLDEST_SKLEARN


def _check_values(model: Any, description: dict[str, Any]) -> None:
    """Raise an error if the installed scikit-learn does not reproduce the stored outputs."""
    written, here = description["versions"]["scikit-learn"], sklearn.__version__
    if written == here:
        return
    complete(_parts(model, set()))
    try:
        check_values(_probed(model), description["checks"])
    except ValueError as error:
        raise ValueError(
            f"it was written with scikit-learn {written}, but with scikit-learn {here}, {error}. "
            f"Install scikit-learn {written}, or fit and save the system again"
        ) from error


def _check_archive(content: bytes) -> None:
    """Raise an error if the content of an archive would be larger than the archive itself."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > len(content):
            raise ValueError("its unpacked content would be larger than the file")


def _check_trees(parts: list[Any]) -> None:
    """Raise an error if the nodes of a tree form a cycle or have children outside the tree."""
    for part in parts:
        kind = type(part).__name__
        if kind == "Tree":
            inner = part.children_left != -1
            left, right, feature = part.children_left, part.children_right, part.feature
            n_features = part.n_features
        elif kind == "TreePredictor":
            nodes = part.nodes
            inner = nodes["is_leaf"] == 0
            left, right, feature = nodes["left"], nodes["right"], nodes["feature_idx"]
            n_features = np.iinfo(np.int32).max  # only the estimator stores it
            if nodes["is_categorical"].any():
                raise ValueError("it contains trees with categorical splits, which are not read")
        else:
            continue
        n_nodes = len(inner)
        node = np.flatnonzero(inner)
        good = (feature[inner] >= 0) & (feature[inner] < n_features)
        for child in (left[inner].astype(np.int64), right[inner].astype(np.int64)):
            good &= (child > node) & (child < n_nodes)
        if not n_nodes or not good.all():
            raise ValueError("it contains a tree with invalid node indices")
