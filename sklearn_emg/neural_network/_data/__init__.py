"""Input of the networks: checks of windows and targets, validation split and batches."""
