"""Readers of binary and nested formats, one module per format."""
