"""
What do features of normal, myopathic and neuropathic EMG look like?
====================================================================

In neuropathy, surviving motor units reinnervate the fibres of lost units, and potentials become
large and long. In myopathy, motor units lose fibres, and potentials become small, short and spiky.
The simulator models both mechanisms, and this example shows their effect on features.
"""

# %%
# Three simulated recordings
# --------------------------
# The plots show 0.3 s of the biceps during a slight contraction, with the same vertical scale.
# Neuropathic potentials are several times larger than the others.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from sklearn_emg.datasets import make_nemg_cohort, simulate_recording
from sklearn_emg.feature_extraction import EMGFeatures

# The colours of these diagnoses in the Displays.
colours = {"normal": "#009E73", "myopathy": "#D55E00", "neuropathy": "#0072B2"}
fs = 10_000.0
figure, rows = plt.subplots(3, 1, figsize=(8, 5), sharex=True, sharey=True, layout="constrained")
for axes, (diagnosis, colour) in zip(rows, colours.items()):
    signal = simulate_recording(
        diagnosis=diagnosis, severity=0.8, duration=0.3, fs=fs, random_state=5
    )
    axes.plot(np.arange(len(signal)) / fs, signal, lw=0.7, color=colour)
    axes.set(ylabel="amplitude (mV)", xlim=(0, 0.3))
    axes.set_title(diagnosis, loc="left", color=colour)
rows[-1].set_xlabel("time (s)")
figure.suptitle("Neuropathic potentials are large and long, myopathic ones small and short")
plt.show()

# %%
# Features of a cohort
# --------------------
# Each subject has one value, the mean over its recordings, since recordings of one subject are not
# independent.
table, y = make_nemg_cohort(
    45, n_recordings=135, fs=fs, duration=1.0, region_balance="balanced", return_X_y=True,
    random_state=0,
)  # fmt: skip
names = ["rms", "turns", "mnf", "kurtosis"]
features = EMGFeatures(names, thresholds=0.02).set_output(transform="pandas").fit_transform(table)
by_subject = features.groupby(table["subject"]).mean()
diagnosis = pd.Series(y, index=table["subject"]).groupby(level=0).first()

titles = {
    "rms": ("amplitude", "RMS (mV)"),
    "turns": ("turns", "turns (1/s)"),
    "mnf": ("mean frequency", "frequency (Hz)"),
    "kurtosis": ("kurtosis", "kurtosis (no unit)"),
}
figure, columns = plt.subplots(1, 4, figsize=(10, 3.6), layout="constrained")
rng = np.random.default_rng(0)
for axes, name in zip(columns, names):
    for k, (label, colour) in enumerate(colours.items()):
        values = by_subject.loc[diagnosis == label, name]
        axes.plot(
            k + rng.uniform(-0.2, 0.2, len(values)), values, "o", ms=4, color=colour, alpha=0.6
        )
        axes.plot([k - 0.3, k + 0.3], [values.median()] * 2, color="0.1", lw=2)
    title, unit = titles[name]
    axes.set(title=title, ylabel=unit, xticks=range(3), xticklabels=colours, yscale="log")
    axes.tick_params(axis="x", rotation=40)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
figure.suptitle(
    "No single feature separates the groups (dots: simulated subjects, bars: medians)",
    fontsize="medium",
)
plt.show()

# %%
# Amplitude separates the groups best here, but the groups overlap, as they do in patients. The
# simulator was adjusted by hand to published norms. Its values illustrate the method and are not
# clinical reference values.
by_subject.groupby(diagnosis).median().round(3)
