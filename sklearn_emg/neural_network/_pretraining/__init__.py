"""Pretraining of networks on windows without labels, before they learn a diagnosis."""
