"""Displays of one recording, of its decomposition and of the quality of a cohort."""
