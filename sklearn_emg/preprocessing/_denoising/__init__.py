"""Denoising by wavelet thresholds and by an autoencoder."""
