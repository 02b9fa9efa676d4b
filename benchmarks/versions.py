"""Test saved systems with other versions of the dependencies: ``save FOLDER``, ``load FOLDER``.

``make test-lowest`` saves systems in the current environment and loads them in an environment with
the oldest supported versions. The largest difference of the predictions of each system is printed.
A difference above 1e-5 is an error.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_emg.deployment import load_model, save_model
from sklearn_emg.ensemble import DiVoteClassifier, NormalLimitRules
from sklearn_emg.feature_extraction import EMGFeatures, TimeDomainFeatures
from sklearn_emg.feature_selection import RandomForestSelector
from sklearn_emg.neural_network import ALSNetClassifier
from sklearn_emg.preprocessing import BandpassFilter, HighpassFilter
from sklearn_emg.recordings import recording_table

FS, TOLERANCE = 2000.0, 1e-5


def recordings() -> tuple[object, np.ndarray]:
    """Return noise recordings of 12 subjects, identical in all versions of NumPy."""
    rng = np.random.default_rng(0)
    loud = np.tile([0.1, 0.2], 12)
    signals = [a * rng.uniform(-1, 1, size=2000).astype(np.float32) for a in loud]
    names = [f"s{k}" for k in np.repeat(np.arange(6), 4)]
    names = [f"{name}{'ab'[k % 2]}" for k, name in enumerate(names)]
    return recording_table(signals, fs=FS, subject=names), np.where(loud > 0.15, "ill", "well")


def divote(*steps: object) -> DiVoteClassifier:
    """Return a DiVoteClassifier with windows of 0.2 s."""
    return DiVoteClassifier(make_pipeline(*steps), window=0.2, step=0.1)


def systems() -> dict[str, object]:
    """Return the unfitted systems to save."""
    forest = RandomForestClassifier(20, random_state=0)
    return {
        "features-lda": make_pipeline(
            BandpassFilter(20.0, 800.0),
            divote(TimeDomainFeatures(), StandardScaler(), LinearDiscriminantAnalysis()),
        ),
        "selected-forest": divote(
            EMGFeatures("patel"), RandomForestSelector(k=4, random_state=0), forest
        ),
        "calibrated-svm": divote(TimeDomainFeatures(["rms", "zc", "wl"]), StandardScaler(), SVC()),
        "rules": divote(TimeDomainFeatures(["rms", "turns"]), NormalLimitRules("well")),
        "network": make_pipeline(
            HighpassFilter(10.0, zero_phase=False), divote(ALSNetClassifier(max_epochs=2, lr=0.01))
        ),
    }


def save(folder: Path) -> None:
    """Fit the systems and save them with their predictions."""
    X, y = recordings()
    for name, system in systems().items():
        save_model(system.fit(X, y), folder / name)
        np.save(folder / f"{name}.npy", system.predict_proba(X))
        print(f"{name}: saved")


def load(folder: Path) -> None:
    """Load the systems and compare their predictions."""
    X, _ = recordings()
    for name in systems():
        found = load_model(folder / name).predict_proba(X)
        worst = float(np.abs(found - np.load(folder / f"{name}.npy")).max())
        print(f"{name}: largest difference {worst:.2g}")
        if not worst <= TOLERANCE:
            raise SystemExit(f"{name} has different predictions with these versions.")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    place = Path(sys.argv[2])
    place.mkdir(parents=True, exist_ok=True)
    {"save": save, "load": load}[sys.argv[1]](place)
