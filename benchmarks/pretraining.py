"""Pretraining without labels compared with training from scratch, for one small network.

Run ``python benchmarks/pretraining.py`` for the simulated cohort, or with ``--algiers FOLDER`` for
a copy of the Algiers set. The encoder is trained in each fold, on the training subjects only, and
scores are by subject. ``--features-only`` measures the gain from pretraining: it compares a
logistic regression on the pretrained features with one on the features of the same encoder before
any training.
"""

from __future__ import annotations

import argparse
import time
import warnings

from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.comparison import compare, meta_analysis
from sklearn_emg.datasets import load_algiers, make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.neural_network import CNN1DClassifier, PretrainedEncoder, TransferClassifier
from sklearn_emg.preprocessing import BandpassFilter, Resampler

FS = 2000.0
PRETRAINED = "pretrained features, logistic regression"
UNTRAINED = "untrained features, logistic regression"


def recordings(arguments):
    """Return recordings, labels and a description of the part of the data."""
    if arguments.algiers is None:
        cohort = make_nemg_cohort(48, n_recordings=96, fs=FS, duration=3.0, random_state=0)
        return cohort.data, cohort.target, "simulated, 48 subjects, 96 recordings"
    data = load_algiers(arguments.algiers)
    n_subjects = data.data["subject"].nunique()
    return data.data, data.target, f"Algiers, {n_subjects} of 238 subjects"


def main() -> None:
    """Compare networks from scratch and pretrained, and pretrained and untrained features."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--algiers", help="folder of the Algiers set")
    parser.add_argument("--features-only", action="store_true", help="compare only the features")
    parser.add_argument("--seed", type=int, default=0, help="seed of the weights")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    X, y, part = recordings(arguments)
    network = CNN1DClassifier(
        n_filters=(16, 32), max_epochs=arguments.epochs, patience=None, random_state=arguments.seed
    )
    encoder = PretrainedEncoder(network, max_epochs=arguments.epochs, random_state=arguments.seed)
    tuned = TransferClassifier(network, encoder=encoder, frozen=())
    untrained = clone(encoder).set_params(max_epochs=0)
    classical, control = (
        make_pipeline(features, StandardScaler(), LogisticRegression(max_iter=1000))
        for features in (encoder, untrained)
    )
    pipelines = {
        name: make_pipeline(
            BandpassFilter(20.0, 900.0, lower_high=True),
            Resampler(FS),
            DiVoteClassifier(windows, window=0.4, step=None, final_estimator=None, short="skip"),
        )
        for name, windows in (
            ("from scratch", network),
            ("pretrained, fine-tuned", tuned),
            (PRETRAINED, classical),
            (UNTRAINED, control),
        )
        if not arguments.features_only or name in (PRETRAINED, UNTRAINED)
    }
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        result = compare(
            pipelines,
            X,
            y,
            cv=SubjectKFold(arguments.folds, random_state=0),
            progress=False,
            n_jobs=arguments.jobs,
        )
    print(f"{part}; {arguments.folds} folds by subject, {arguments.epochs} epochs")
    summary = result.summary
    kept = summary[summary["metric"].isin(["balanced_accuracy", "accuracy"])]
    print(kept.to_string(index=False))
    paired = meta_analysis({part: result}).against(UNTRAINED)
    print(f"Balanced accuracy of subjects minus that of {UNTRAINED!r}, paired by subject:")
    print(paired[["difference", "low", "high", "pvalue"]].round(3).to_string())
    print(f"{time.process_time() - start:.0f} CPU s")


if __name__ == "__main__":
    main()
