"""
What does a spectrogram show to a network?
==========================================

Image networks of the literature take an image of the signal, such as a short-time Fourier
transform, a mel spectrogram or the plotted waveform. In this package, transformers that precede the
network in a pipeline make these images. No image files are written.
"""

# %%
# One window, four images
# -----------------------
import matplotlib.pyplot as plt
import numpy as np

from sklearn_emg.datasets import simulate_recording
from sklearn_emg.feature_extraction import STFT, LogSpectrogram, MelSpectrogram, WaveformImage

fs, seconds = 10_000.0, 0.4
signal = simulate_recording(
    diagnosis="neuropathy", severity=0.6, duration=seconds, fs=fs, random_state=2
)
X = signal[np.newaxis]
images = {
    "STFT (magnitude)": STFT(nperseg=256).fit_transform(X),
    "log spectrogram": LogSpectrogram(nperseg=256).fit_transform(X),
    "mel spectrogram": MelSpectrogram(fs=fs, nperseg=256).fit_transform(X),
    "waveform image": WaveformImage().fit_transform(X),
}
for name, image in images.items():
    print(f"{name:18} {image.shape}")

# %%
# The signal and its images
# -------------------------
figure = plt.figure(figsize=(9, 6), layout="constrained")
grid = figure.add_gridspec(3, 2, height_ratios=[2, 3, 3])
top = figure.add_subplot(grid[0, :])
top.plot(np.arange(len(signal)) / fs, signal, lw=0.7, color="0.15")
top.set(xlabel="time (s)", ylabel="amplitude (mV)", xlim=(0, seconds), title="Simulated window")
labels = {
    "STFT (magnitude)": "frequency (kHz)",
    "log spectrogram": "frequency (kHz)",
    "mel spectrogram": "mel band",
    "waveform image": "pixel",
}
scales = {
    "STFT (magnitude)": "magnitude (mV)",
    "log spectrogram": "dB re 1 mV²",
    "mel spectrogram": "dB re 1 mV²/Hz",
    "waveform image": "brightness",
}
for cell, (name, image) in zip([grid[1, 0], grid[1, 1], grid[2, 0], grid[2, 1]], images.items()):
    axes = figure.add_subplot(cell)
    picture = np.squeeze(image)
    height = fs / 2000 if "kHz" in labels[name] else picture.shape[0]
    upside = "upper" if name == "waveform image" else "lower"
    extent = (0, seconds, height, 0) if upside == "upper" else (0, seconds, 0, height)
    map_ = "gray_r" if upside == "upper" else "cividis"
    drawn = axes.imshow(picture, origin=upside, aspect="auto", cmap=map_, extent=extent)
    axes.set(title=name, xlabel="time (s)", ylabel=labels[name])
    figure.colorbar(drawn, ax=axes, label=scales[name], pad=0.02)
figure.suptitle("Each potential becomes a column in the images of time and frequency")
plt.show()

# %%
# Each potential is a short burst with a wide frequency band and appears as a column in the
# spectrograms. The height of the column shows how sharp the potential is.
