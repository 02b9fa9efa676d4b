"""Benchmark of the published systems: runs, their files and the tables of results."""
