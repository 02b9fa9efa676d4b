"""
How do I add a feature of my own?
=================================

A subclass of :class:`~sklearn_emg.base.FeatureExtractor` implements one vectorised function and
returns the names of its columns. The base class handles windows, channels, recording tables,
sampling rates, validation, cloning and pandas output.

The feature of this example measures the irregularity of a signal as the number of zero crossings
per peak.
"""

# %%
# The extractor
# -------------
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline, make_union

from sklearn_emg.base import FeatureExtractor
from sklearn_emg.comparison import compare
from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.inspection import ComparisonDisplay


class Irregularity(FeatureExtractor):
    """Extract zero crossings and peaks per second, and crossings per peak."""

    def __init__(self, *, fs=None):
        self.fs = fs

    def _needs_fs(self):
        return True

    def _feature_names(self):
        return ["crossings", "peaks", "crossings_per_peak"]

    def _extract(self, X, fs):  # (n_windows, n_channels, n_times) -> (..., n_features)
        seconds = X.shape[-1] / fs
        crossings = np.sum(X[..., 1:] * X[..., :-1] < 0, axis=-1) / seconds
        slope = np.diff(X, axis=-1)
        peaks = np.sum((slope[..., 1:] < 0) & (slope[..., :-1] > 0), axis=-1) / seconds
        ratio = np.divide(crossings, peaks, out=np.zeros_like(crossings), where=peaks > 0)
        return np.stack([crossings, peaks, ratio], axis=-1).astype(X.dtype)


# %%
# The extractor takes recording tables, which state the sampling rate:
table, y = make_nemg_cohort(
    24, n_recordings=72, fs=5000.0, duration=1.0, return_X_y=True, random_state=1
)
Irregularity().set_output(transform="pandas").fit_transform(table).head(3).round(2)

# %%
# The figure shows the mean ratio of each simulated subject:
values = Irregularity().fit_transform(table)[:, 2]
ratio = pd.Series(values).groupby([y, table["subject"]]).mean()
figure, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
for k, (label, colour) in enumerate(
    {"normal": "#009E73", "myopathy": "#D55E00", "neuropathy": "#0072B2"}.items()
):
    axes.plot(ratio[label], np.full(len(ratio[label]), k), "o", color=colour, alpha=0.6)
    axes.plot([ratio[label].median()] * 2, [k - 0.3, k + 0.3], color="0.1", lw=2)
axes.set(
    yticks=range(3), yticklabels=["normal", "myopathy", "neuropathy"], ylim=(2.5, -0.5),
    xlabel="zero crossings per peak (dots: subjects, bars: medians)",
    title="Myopathic signals cross zero more often per peak",
)  # fmt: skip
plt.show()

# %%
# The extractor also takes arrays with one or more channels. For arrays, the sampling rate has to be
# passed as a parameter.
windows = np.random.default_rng(0).normal(size=(5, 2, 400))
Irregularity(fs=1000.0).fit(windows).get_feature_names_out().tolist()

# %%
# Does the feature help?
# ----------------------
# The comparison evaluates Hudgins' features with and without the new feature, and a dummy baseline,
# on the same folds of subjects.
forest = RandomForestClassifier(100, class_weight="balanced", random_state=0)
hudgins = TimeDomainFeatures()
own = Irregularity(fs=5000.0)
result = compare(
    {
        "Hudgins": DiVoteClassifier(make_pipeline(hudgins, forest), step=0.2),
        "Hudgins + own": DiVoteClassifier(
            make_pipeline(make_union(hudgins, own), forest), step=0.2
        ),
        "dummy": DiVoteClassifier(make_pipeline(hudgins, DummyClassifier()), step=0.2),
    },
    table,
    y,
    cv=4,
    progress=False,
)
result.table("subject", ["accuracy", "balanced_accuracy"])

# %%
display = ComparisonDisplay.from_comparison(result).plot()
display.figure_.suptitle("The new feature does not change the score measurably")
plt.show()

# %%
# With 24 simulated subjects the intervals are wide and overlap. More subjects are needed to decide
# between the sets of features.
