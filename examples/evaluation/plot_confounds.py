"""
Does anything but the disease predict the class?
================================================

If patients are older than controls, or were recorded in another room, a model can score well
without any knowledge of the disease. :func:`~sklearn_emg.comparison.confound_audit` tests how well
each column, and each property of the recordings other than the disease, predicts the class of the
subjects by itself.

The cohort is simulated, and two confounds are planted: age and power-line interference.
"""

# %%
# The recordings
# --------------
import matplotlib.pyplot as plt
import numpy as np

from sklearn_emg.comparison import confound_audit
from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.inspection import ConfoundDisplay
from sklearn_emg.recordings import recording_table

cohort, diagnosis = make_nemg_cohort(
    60, n_recordings=60, fs=10_000.0, duration=1.0, return_X_y=True, random_state=1
)
patient = diagnosis != "normal"
y = np.where(patient, "patient", "control")
print(f"{len(cohort)} recordings of {cohort['subject'].nunique()} subjects")

# %%
# Two planted confounds
# ---------------------
# Patients are about 20 years older than controls. Three in four patients, but only one in ten
# controls, were recorded next to an unshielded device that adds 0.1 mV at 50 Hz.
rng = np.random.default_rng(0)
with_hum = rng.random(len(cohort)) < np.where(patient, 0.75, 0.1)
hum = 0.1 * np.sin(2 * np.pi * 50 * np.arange(10_000) / 10_000)
step = 2.5 / 2**15  # step of the converter, in mV
table = recording_table(
    [
        step * np.round((signal + hum * added) / step)
        for signal, added in zip(cohort["signal"], with_hum)
    ],
    fs=10_000.0,
    subject=cohort["subject"].tolist(),
    age=rng.normal(np.where(patient, 60, 40), 10).round(),
    side=rng.choice(["left", "right"], len(cohort)),
)

# %%
# The audit, with and without matching
# ------------------------------------
# The class of each subject is predicted from the other subjects. ``match`` repeats the audit with
# matched subjects of the two classes, whose ages differ by at most five years.
audit = confound_audit(table, y, match="age", caliper={"age": 5})
print(audit)

# %%
# Scores of single properties
# ---------------------------
# A grey line marks the mean score with permuted labels. Among the matched subjects (hollow
# circles), which are fewer, age no longer predicts the class, whereas power-line interference still
# does.
display = ConfoundDisplay.from_audit(audit).plot()
display.figure_.suptitle("Power-line interference and age distinguish patients from controls")
plt.show()

# %%
# The audit finds the planted confounds, but not the side, which does not depend on the class. Its
# score is far below chance because each subject is left out once: if the groups have nearly the
# same proportions of left and right, leaving out a subject tips the balance against its own class.
# Only scores above chance are evidence of a confound. A property of the signals can also reflect
# the disease: in a contracting muscle, even the quietest parts of a recording (``noise_floor``)
# contain EMG.
print(f"confounds: {', '.join(audit.confounds)}")
