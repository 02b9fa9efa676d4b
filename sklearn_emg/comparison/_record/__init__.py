"""What a comparison keeps of its data, protocol and machine, and its scores by subgroup."""
