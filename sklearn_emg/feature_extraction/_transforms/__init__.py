"""Transforms of windows to spectra, wavelet coefficients, convolutions and other features."""
