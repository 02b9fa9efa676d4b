"""
Which recordings should I look at before I compute anything?
============================================================

A disconnected electrode, a wrong unit or a copied file can change the result of a study more than
the choice of the classifier. :func:`~sklearn_emg.preprocessing.check_quality` examines each
recording and states its findings and their remedies. It leaves the table unchanged.
"""

# %%
# A cohort with planted defects
# -----------------------------
import matplotlib.pyplot as plt
import numpy as np

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.inspection import QualityDisplay, RecordingDisplay
from sklearn_emg.preprocessing import check_quality

table, y = make_nemg_cohort(
    12, n_recordings=24, fs=5000.0, duration=2.0, return_X_y=True, random_state=0
)
signals = [np.array(signal) for signal in table["signal"]]
time = np.arange(signals[0].size) / 5000.0
signals[3] = np.clip(signals[3], *np.quantile(signals[3], [0.02, 0.98]))  # clipped by the amplifier
signals[8] = signals[8] * 1000.0  # exported in microvolts
signals[12] = signals[12] + 0.15 * np.sin(2 * np.pi * 50.0 * time)  # power line
signals[17][3000:7000] = 0.0  # disconnected electrode
signals[20] = signals[5]  # the same file under two names
table["signal"] = signals

# %%
# Findings
# --------
quality = check_quality(table, y)
for finding in quality.findings.itertuples():
    print(f"recording {finding.row}, {finding.quality}: {finding.text}")

# %%
# The figure has one row per recording. The planted defects stand out from the recordings without
# findings:
display = QualityDisplay.from_report(quality).plot()
display.figure_.suptitle("All planted defects are found")
plt.show()

# %%
# Look at a recording
# -------------------
# A finding is a reason to look at the recording. In recording 12, the interference appears as a
# regular oscillation between the potentials, and in the spectrogram, whose segments of 25 ms
# resolve 40 Hz, as a band around 50 Hz that does not stop between the potentials:
display = RecordingDisplay.from_table(table, 12).plot(max_frequency=500.0)
display.figure_.suptitle("Power-line interference continues between the potentials")
plt.show()

# %%
# Keep the other recordings
# -------------------------
# The recordings rated "bad" are dropped together with their labels. Those rated "check" are kept.
# Whether interference is filtered or the recording is left out is a decision that should be
# reported in the methods section of a paper.
good = ~quality.recordings["quality"].eq("bad").to_numpy()
kept, y_kept = table[good], np.asarray(y)[good]
f"{len(kept)} of {len(table)} recordings, {kept['subject'].nunique()} of 12 subjects"
