"""
How do I remove power-line interference without harming the EMG?
================================================================

Power-line interference lies in the middle of the EMG band, drifts in frequency, and has harmonics.
A notch filter removes a fixed band, whereas an adaptive filter follows the interference. Here the
interference is added to a clean recording, so the error of each filter can be measured. This error
consists of the interference that remains and the EMG that is lost.
"""

# %%
# A recording with drifting interference
# --------------------------------------
import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import welch

from sklearn_emg.datasets import simulate_recording
from sklearn_emg.preprocessing import AdaptiveFilter, NotchFilter
from sklearn_emg.recordings import recording_table

fs, seconds = 5000.0, 4.0
clean = simulate_recording(duration=seconds, fs=fs, random_state=4).astype(float)
t = np.arange(len(clean)) / fs
drift = 0.3 * np.sin(2 * np.pi * t / seconds)  # deviation from 50 Hz, in Hz
phase = 2 * np.pi * np.cumsum(50 + drift) / fs
interference = 0.05 * np.sin(phase) + 0.02 * np.sin(3 * phase + 1)
table = recording_table([clean + interference], fs=fs, subject="s1")

# %%
# Two filters
# -----------
methods = {
    "notch": NotchFilter(50, harmonics=3),
    "adaptive": AdaptiveFilter("powerline", freq=50, harmonics=3),
}
cleaned = {name: m.fit_transform(table)["signal"].iloc[0] for name, m in methods.items()}


def residual(signal):
    """Return the RMS difference (µV) from the clean recording, without the edges."""
    middle = slice(int(0.25 * fs), -int(0.25 * fs))
    return 1e3 * np.sqrt(np.mean((signal - clean)[middle] ** 2))


errors = {
    "unfiltered": residual(clean + interference),
    **{n: residual(s) for n, s in cleaned.items()},
}

# %%
# Before and after
# ----------------
# The right panel shows the spectra relative to the spectrum of the clean recording. A perfect
# filter would restore the clean recording, at 0 dB for all frequencies.


def excess(signal):
    """Return frequencies up to 200 Hz and the power relative to the clean recording, in dB."""
    frequency, power = welch(signal, fs, nperseg=8192)
    low = frequency <= 200
    return frequency[low], 10 * np.log10(power / welch(clean, fs, nperseg=8192)[1])[low]


colours = {"unfiltered": "#D55E00", "notch": "#0072B2", "adaptive": "#009E73"}
shown = {"unfiltered": clean + interference, **cleaned}
figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 3.8), layout="constrained", width_ratios=[3, 2]
)
part = slice(int(1.0 * fs), int(1.2 * fs))
for k, (name, signal) in enumerate(shown.items()):
    left.plot(t[part], 1e3 * (signal - clean)[part] - 150 * k, lw=1, color=colours[name])
    left.axhline(-150 * k, color="0.7", lw=0.8, zorder=0)
    right.plot(*excess(signal), color=colours[name], lw=1.2, label=name)
left.plot([0.997, 0.997], [-255, -205], color="0.1", lw=3)
left.text(0.999, -230, "50 µV", va="center")
left.set(
    xlabel="time (s)", yticks=[-150 * k for k in range(3)],
    yticklabels=["unfiltered", "notch", "adaptive"], title="Difference from the clean signal",
)  # fmt: skip
right.axhline(0, color="0.7", lw=0.8, zorder=0)
right.set(
    xlabel="frequency (Hz)", ylabel="power relative to the clean signal (dB)",
    title="Above 0 dB: noise; below 0 dB: lost EMG", xticks=range(0, 201, 50),
)  # fmt: skip
right.legend(frameon=False, loc="upper right")
figure.suptitle("The adaptive filter leaves less interference and loses less EMG")
plt.show()

# %%
# Both filters remove most of the interference. The RMS difference from the clean recording also
# includes the EMG that they remove.
for name, error in errors.items():
    print(f"{name:10} {error:5.1f} µV RMS difference from the clean recording")
