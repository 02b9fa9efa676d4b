"""Functions that convert recording tables: segments, channels, sites and references."""
