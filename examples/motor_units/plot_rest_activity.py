"""
Which spontaneous activity does a muscle at rest have?
======================================================

A needle in a muscle at rest records only noise unless fibres or motor units discharge
spontaneously. The recordings of this example are simulated. The detector was evaluated only on
simulated recordings, not on patients.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

from sklearn_emg.datasets import simulate_recording
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.motor_units import RestActivityDetector

fs = 10_000.0
wanted = {
    "quiet": {},
    "two fibrillating fibres": {"fibrillations": 2},
    "positive sharp waves": {"sharp_waves": 2},
    "fasciculations": {"fasciculations": 4},
}
signals = [
    simulate_recording(drive=0.0, duration=6.0, fs=fs, spontaneous=sources, random_state=3)
    for sources in wanted.values()
]
contraction = simulate_recording(drive=0.005, duration=6.0, fs=fs, random_state=3)

# %%
# Events and the trains that they form
# ------------------------------------
with warnings.catch_warnings():
    warnings.simplefilter("ignore", RecordingWarning)  # about the contraction
    detector = RestActivityDetector(fs=fs).fit([*signals, contraction])
print(detector.recordings_[["row", "rest", "reason"]].to_string(index=False))
columns = ["row", "kind", "n_events", "rate", "variability", "amplitude", "duration"]
print(detector.sources_[columns].round(2).to_string(index=False))

# %%
# Regular fibres, irregular motor units
# -------------------------------------
# Each event is marked in the colour of its kind. The contraction is refused, since its motor units
# fire at voluntary rates.
colours = {
    "fibrillation": "#0072B2",
    "positive sharp wave": "#D55E00",
    "fasciculation": "#009E73",
    "unclassified": "0.5",
}
titles = [*wanted, "slight contraction (refused)"]
figure, axes = plt.subplots(5, 1, figsize=(8, 7), sharex=True, layout="constrained")
for row, (ax, signal, title) in enumerate(zip(axes, [*signals, contraction], titles)):
    ax.plot(np.arange(len(signal)) / fs, 1000 * signal, lw=0.5, color="0.3")
    events = detector.events_[detector.events_["row"] == row]
    for kind, part in events.groupby("kind"):
        top = np.full(len(part), 1150 * signal.max())
        ax.scatter(part["time"], top, marker="v", s=18, color=colours[kind], label=kind)
    if len(events):
        ax.legend(loc="lower right", bbox_to_anchor=(1, 0.97), fontsize=8, frameon=False)
    ax.set_title(title, fontsize=9, loc="left")
    ax.set_ylabel("µV")
    ax.set_xlim(0, 6)
axes[-1].set_xlabel("time (s)")
figure.suptitle("Discharges at rest are found and classified")
plt.show()

# %%
# The regularity of a train and the shape of its potentials distinguish fibres from motor units. In
# this simulation all trains are classified; the user guide states how often the classification
# fails.
