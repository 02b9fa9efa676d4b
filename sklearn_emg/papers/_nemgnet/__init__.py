"""Systems of J. Yoo et al. (2022): nEMGNet, and the image networks that it was compared with."""

from sklearn_emg.papers._nemgnet._baselines import mel_spectrogram_network, waveform_image_network
from sklearn_emg.papers._nemgnet._network import NEMGNetProtocol, nemgnet

__all__ = ["NEMGNetProtocol", "mel_spectrogram_network", "nemgnet", "waveform_image_network"]
