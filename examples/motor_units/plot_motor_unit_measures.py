"""
Which motor unit potentials can be measured in a recording?
===========================================================

Clinical needle EMG assesses the amplitude, duration and number of phases of single motor unit
potentials, but potentials overlap in a recording.
:class:`~sklearn_emg.feature_extraction.MUAPFeatures` measures isolated potentials without sorting
them by unit. The simulator provides the true values.
"""

# %%
# Isolated and overlapping potentials
# -----------------------------------
# The plots show a third of a second during a slight contraction. Coloured segments are measured.
# Grey segments contain overlapping discharges and are left out. Unmarked potentials are too small
# or too slow, because they come from units far from the needle.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.feature_extraction import MUAPFeatures
from sklearn_emg.papers import rule_based
from sklearn_emg.preprocessing import BandpassFilter

colours = {"normal": "#009E73", "myopathy": "#D55E00", "neuropathy": "#0072B2"}
fs = 10_000.0
cohort = make_nemg_cohort(
    18, n_recordings=54, fs=fs, duration=2.0, drive=0.015, return_truth=True, random_state=1
)
table = BandpassFilter(20, 4000).fit_transform(cohort.data)
extractor = MUAPFeatures("all").fit(table)
potentials = extractor.potentials(table)

figure, rows = plt.subplots(3, 1, figsize=(9, 6), sharex=True, layout="constrained")
for axes, (diagnosis, colour) in zip(rows, colours.items()):
    row = np.flatnonzero(cohort.target == diagnosis)[10]
    signal = table["signal"].iloc[row]
    t = np.arange(len(signal)) / fs
    axes.plot(t, signal, lw=0.7, color="0.2")
    for found in potentials[potentials["window"] == row].itertuples():
        shade = colour if found.isolated else "0.5"
        axes.axvspan(found.start, found.stop, color=shade, alpha=0.25, lw=0)
        if found.isolated and found.duration > 5 and 0.5 < found.start < 0.82:
            label = f"{found.duration:.0f} ms"
            axes.annotate(label, (found.start, signal.max()), fontsize=8, va="bottom")
    axes.set(title=diagnosis, ylabel="amplitude (mV)", xlim=(0.5, 0.85))
    axes.margins(y=0.25)
rows[-1].set(xlabel="time (s)")
figure.suptitle("Isolated potentials are measured (coloured), overlapping ones are left out (grey)")
plt.show()

# %%
# Comparison with the true values
# -------------------------------
# Each dot compares the median of a recording with the median of the noise-free potentials of the
# measured units, weighted by the number of measured discharges. The true duration is measured at
# the same level of 20 µV.


def true_measures(truth):
    """Return peak time, amplitude and duration of each discharge of units above 50 µV."""
    rows = []
    for wave, firing, size in zip(truth["templates"], truth["firing_times"], truth["ptp_mv"]):
        if size < 0.05:
            continue
        active = np.flatnonzero(np.abs(wave) > 0.02)
        peak = np.abs(wave).argmax()
        parts = np.split(active, np.flatnonzero(np.diff(active) > 0.002 * fs) + 1)
        main = next(part for part in parts if part[0] <= peak <= part[-1])
        at = firing + peak / fs - truth["reference"]
        duration = 1e3 * (main[-1] - main[0] + 1) / fs
        rows.append(pd.DataFrame({"peak": at, "amplitude": size, "duration": duration}))
    return pd.concat(rows) if rows else pd.DataFrame({"peak": [np.inf]})


medians = []
for row, found in potentials[potentials["isolated"]].groupby("window"):
    truth = true_measures(cohort.truth[row])
    distance = np.abs(found["peak"].to_numpy()[:, None] - truth["peak"].to_numpy())
    hit = distance.min(axis=1) < 0.001
    if hit.sum() >= 5:
        units = truth.iloc[distance.argmin(axis=1)[hit]]
        medians.append(
            {
                "diagnosis": cohort.target[row],
                **found[["amplitude", "duration"]].median(),
                **units[["amplitude", "duration"]].median().add_prefix("true_"),
            }
        )
medians = pd.DataFrame(medians)

figure, columns = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
for axes, name, unit in zip(columns, ("amplitude", "duration"), ("mV", "ms")):
    for diagnosis, part in medians.groupby("diagnosis"):
        axes.plot(
            part[f"true_{name}"],
            part[name],
            "o",
            color=colours[diagnosis],
            alpha=0.7,
            label=diagnosis,
        )
    ends = medians[[name, f"true_{name}"]].min().min(), medians[[name, f"true_{name}"]].max().max()
    axes.plot(ends, ends, color="0.6", lw=1, zorder=0)
    axes.set(xlabel=f"true {name} ({unit})", ylabel=f"measured {name} ({unit})", aspect="equal")
columns[0].set(xscale="log", yscale="log")
columns[0].legend()
figure.suptitle("Measured amplitudes and durations follow the true ones")
plt.show()

# %%
# Means of each diagnosis
# -----------------------
# Potentials are large in neuropathy, and small and short in myopathy. Here, the potentials of
# neuropathy are hardly longer than normal potentials. In both diseases, more potentials are
# polyphasic than in healthy muscle.
features = pd.DataFrame(extractor.transform(table), columns=extractor.get_feature_names_out())
shown = {
    "muap_rate": "potentials (1/s)",
    "muap_superposed": "superposed (1/s)",
    "muap_amplitude": "amplitude (mV)",
    "muap_duration": "duration (ms)",
    "muap_thickness": "thickness (ms)",
    "muap_size_index": "size index",
    "muap_polyphasic": "polyphasic (fraction)",
}
means = features[list(shown)].astype(float).groupby(cohort.target).mean()
means.rename(columns=shown).T.round(2)

# %%
# Rules on normal limits
# ----------------------
# The limits are computed from the normal training subjects.
model = rule_based(fs=fs).fit(cohort.data, cohort.target)
print(model["divote"].estimator_["classifier"].export_text())

# %%
# Only isolated potentials, a part of all discharges, are measured. Their amplitude is close to the
# true amplitude, and so is their duration at the level of 20 µV.
