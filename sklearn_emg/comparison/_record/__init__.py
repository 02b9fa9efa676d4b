"""Record of the data, protocol and software of a comparison, and its scores by subgroup."""
