"""
Which subjects have potentials outside the normal limits?
=========================================================

Limits are computed from healthy subjects, and each subject is compared with them. A healthy subject
is compared with limits of the other healthy subjects. The recordings are simulated.
"""

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.motor_units import ReferenceLimits, muscle_potentials
from sklearn_emg.preprocessing import BandpassFilter

cohort = make_nemg_cohort(
    18, n_recordings=54, fs=10_000.0, duration=3.0, drive=0.015, return_truth=True, random_state=1
)
table = cohort.data.assign(muscle="biceps brachii")
potentials = muscle_potentials(BandpassFilter(20, 4000).fit_transform(table))
groups = cohort.target[potentials["row"]]

# %%
# Results of each subject
# -----------------------
muscles = ReferenceLimits().cross_score(potentials, groups)
print(muscles[["group", "n_potentials", "z", "abnormal", "summary"]].round(2).to_string())

# %%
# Means of the subjects and limits for means
# ------------------------------------------
limits = ReferenceLimits().fit(potentials, groups).limits_
mean = limits[limits["statistic"] == "mean"].set_index("measure")
colours = {"normal": "#009E73", "myopathy": "#D55E00", "neuropathy": "#0072B2"}
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
corner = mean.loc["duration", "low"], mean.loc["amplitude", "low"]
width, height = (mean.loc[m, "high"] - mean.loc[m, "low"] for m in ("duration", "amplitude"))
axes.add_patch(Rectangle(corner, width, height, fill=False, ls="--", label="limits"))
means = potentials.groupby([groups, "subject"])[["duration", "amplitude"]].mean()
for group, colour in colours.items():
    part = means.loc[group]
    axes.scatter(part["duration"], part["amplitude"], color=colour, label=group)
axes.set(
    xlabel="mean duration (ms)", ylabel="mean amplitude (mV)", yscale="log",
    title="Few patients lie outside the limits of healthy means",
)  # fmt: skip
axes.legend()
plt.show()

# %%
# Two of the twelve patients and one of the six healthy subjects are classified as abnormal. Limits
# that are computed from so few healthy subjects are wide.
