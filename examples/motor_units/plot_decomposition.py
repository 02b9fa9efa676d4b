"""
Which motor units fired when?
=============================

A needle records several motor units at once. :class:`~sklearn_emg.motor_units.MotorUnitDecomposer`
finds their discharges, even if potentials overlap, and leaves out uncertain trains. Here the true
discharges are known, since the recording is simulated.
"""

# %%
# A recording and its decomposition
# ---------------------------------
# The reference contains the discharges of the simulated units that are visible in the signal. Below
# the bars, dots mark reference discharges that were found, and crosses those that were missed.

import matplotlib.pyplot as plt
import pandas as pd

from sklearn_emg.datasets import simulate_recording
from sklearn_emg.inspection import DecompositionDisplay
from sklearn_emg.motor_units import MotorUnitDecomposer, firing_statistics, template_measures

signal, truth = simulate_recording(
    diagnosis="neuropathy",
    drive=0.006,
    duration=8.0,
    fs=24_000.0,
    return_truth=True,
    random_state=4,
)
decomposer = MotorUnitDecomposer(fs=24_000.0).fit(signal)
reference = pd.concat(
    pd.DataFrame({"unit": unit, "time": truth["firing_times"][unit]})
    for unit in range(len(truth["templates"]))
    if truth["visible"][unit]
)
display = DecompositionDisplay.from_decomposer(
    decomposer,
    signal,
    fs=24_000.0,
    reference=reference,
    title="Discharges of single motor units, found in the signal",
)
display.plot(start=0.0, stop=2.0)
plt.show()

# %%
# Agreement with the simulation
# -----------------------------
# The rate of agreement is the number of common discharges divided by the number of distinct
# discharges in the two trains. It is 0 for small units that were not found.

print(display.agreement)
print(decomposer.left_out_)

# %%
# Firing statistics and measures of the potentials
# ------------------------------------------------

print(firing_statistics(decomposer.discharges_).round(3).to_string(index=False))
print(template_measures(decomposer.templates_).round(3).to_string(index=False))
