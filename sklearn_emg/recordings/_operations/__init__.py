"""Functions that make one recording table of another: segments, channels, sites, references."""
