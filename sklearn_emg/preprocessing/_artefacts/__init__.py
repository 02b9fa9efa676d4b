"""Artefacts: measures, detector, rejector, gaps and segments."""
