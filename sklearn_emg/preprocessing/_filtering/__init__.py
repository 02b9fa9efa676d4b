"""Filters, removal of the baseline and change of the sampling rate."""
