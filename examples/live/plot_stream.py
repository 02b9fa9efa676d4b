"""
When is the signal long enough for a decision?
==============================================

An examiner records until the finding is clear. :class:`~sklearn_emg.streaming.StreamingDiagnosis`
gets the signal in chunks, as an amplifier sends it, and updates the fraction of windows that are
assigned to the leading class, with its interval. A stopping rule decides when to end the recording.
"""

# %%
# A causal system
# ---------------
# Filters that run forwards and backwards need the complete recording.
# :func:`~sklearn_emg.streaming.to_causal` replaces them and states what changes.
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.model_selection import subject_train_test_split
from sklearn_emg.preprocessing import BandpassFilter
from sklearn_emg.streaming import SequentialTest, StreamingDiagnosis, to_causal

table, y = make_nemg_cohort(
    30, n_recordings=60, fs=4000.0, duration=4.0, return_X_y=True, random_state=0
)
train, test, y_train, y_test = subject_train_test_split(table, y, test_size=0.3, random_state=0)
windows = make_pipeline(TimeDomainFeatures(), LinearDiscriminantAnalysis())
system, changes = to_causal(
    make_pipeline(BandpassFilter(20.0, 1500.0), DiVoteClassifier(windows, window=0.2, step=0.2))
)
system = system.fit(train, y_train)
print(*changes, sep="\n")

# %%
# A recording in chunks
# ---------------------
live = StreamingDiagnosis(system, stop=SequentialTest())
live.begin(test["subject"].iloc[0])
signal, events = test["signal"].iloc[0], []
for start in range(0, signal.size, 400):  # chunks of 100 ms
    events += live.push(signal[start : start + 400])
events += live.end()
course = pd.DataFrame(
    {
        "time": [event.start + 0.2 for event in events],
        "leading": [event.decision.leading for event in events],
        "fraction": [event.decision.fraction for event in events],
        "low": [event.decision.interval[0] for event in events],
        "high": [event.decision.interval[1] for event in events],
        "decided": [event.decision.decided for event in events],
    }
)
course.iloc[[0, 4, 9, -1]].round(2)

# %%
# The decision over time
# ----------------------
# The shaded interval belongs to the fraction of this subject's windows that are assigned to the
# leading class. Wald's sequential test stops at the dashed line. Its error rates refer to windows:
# a subject whose windows resemble another class is misdiagnosed, however long the recording is.
figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 4.4), sharex=True, layout="constrained")
seconds = [k / 4000.0 for k in range(signal.size)]
top.plot(seconds, signal, color="0.3", lw=0.4)
top.set(ylabel="amplitude (mV)", title=f"True class: {y_test[0]}")
bottom.fill_between(course["time"], course["low"], course["high"], color="#56B4E9", alpha=0.4)
bottom.plot(course["time"], course["fraction"], color="#0072B2", marker=".")
stop = course["time"][course["decided"].notna()].min()
bottom.axvline(stop, color="0.2", ls="--")
bottom.set(
    xlabel="time (s)",
    ylabel="fraction of windows",
    ylim=(0, 1.05),
    title=f"{course['leading'].iloc[-1]}, decided after {stop:.1f} s",
)
figure.suptitle("The interval of the vote narrows until the test decides")
plt.show()
