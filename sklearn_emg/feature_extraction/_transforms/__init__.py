"""Transforms of windows that have no named formula each: spectra, coefficients, convolutions."""
