"""Systems of R. Chandrasekaran et al. (2024): NeuroFusionNet and those compared with it."""
