"""Benchmark of the published systems: runs, their files and tables of results."""

from sklearn_emg.papers._benchmark._boumerdes_tables import boumerdes_tables
from sklearn_emg.papers._benchmark._results import Benchmark, read_benchmark
from sklearn_emg.papers._benchmark._run import run_benchmark

__all__ = ["Benchmark", "boumerdes_tables", "read_benchmark", "run_benchmark"]
