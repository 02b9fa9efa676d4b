"""Input of the networks: checks of windows and targets, held-out subjects and batches."""
