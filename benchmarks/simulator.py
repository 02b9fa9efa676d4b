"""CPU time and peak memory of the simulated cohort, and their limits.

Each case runs in a new process, since the peak memory of a process never decreases:

    python benchmarks/simulator.py
"""

import argparse
import multiprocessing
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor

# Arguments of make_nemg_cohort, limit in CPU seconds, limit in MB.
CASES = {
    "9 subjects, 24 recordings of 1 s at 10 kHz": (
        {"n_subjects": 9, "n_recordings": 24, "fs": 10_000.0, "duration": 1.0},
        2.0,
        1000.0,
    ),
    "57 subjects, 376 recordings, 939 s at 48 kHz": ({}, 20.0, 1000.0),
    "the same with ground truth": ({"return_truth": True}, 20.0, 1000.0),
}


def peak_memory() -> float:
    """Return the largest resident size of this process so far in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def measure(arguments: dict) -> tuple[float, float, float]:
    """Return CPU time (s), wall time (s) and peak memory (MB) of one cohort."""
    from sklearn_emg.datasets import make_nemg_cohort

    wall, cpu = time.perf_counter(), time.process_time()
    make_nemg_cohort(**arguments, random_state=0)
    return time.process_time() - cpu, time.perf_counter() - wall, peak_memory()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.parse_args()
    context = multiprocessing.get_context("spawn")
    within = True
    print(f"{'cohort':46s} {'CPU s':>7s} {'/limit':>7s} {'wall s':>7s} {'MB':>6s} {'/limit':>7s}")
    for name, (arguments, max_cpu, max_memory) in CASES.items():
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            cpu, wall, memory = pool.submit(measure, arguments).result()
        print(
            f"{name:46s} {cpu:7.2f} {cpu / max_cpu:7.2f} {wall:7.2f} {memory:6.0f} "
            f"{memory / max_memory:7.2f}"
        )
        within &= cpu <= max_cpu and memory <= max_memory
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
