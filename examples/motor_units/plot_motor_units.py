"""
What does a needle record of a motor unit?
==========================================

All features of an electromyogram depend on the potentials of single motor units. The simulator
places a needle in a muscle and sums the potentials of all fibres of each motor unit.
"""

# %%
# Potentials of healthy and diseased units
# ----------------------------------------
# The figure shows six units per diagnosis at the same scale. The main spike points down, since the
# signal is the potential of the core minus the potential of the cannula.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_emg.datasets import simulate_muap

colours = {"normal": "#009E73", "myopathy": "#D55E00", "neuropathy": "#0072B2"}
fs = 20_000.0
potentials, facts = {}, []
for diagnosis in colours:
    shapes, units = simulate_muap(
        diagnosis=diagnosis, severity=0.7, n_units=60, max_distance=1.0, fs=fs, random_state=1
    )
    potentials[diagnosis] = shapes
    amplitude = np.ptp(shapes, axis=1)
    # Duration: four standard deviations of the energy over time.
    t = np.arange(shapes.shape[1]) / fs
    weight = shapes.astype(float) ** 2
    weight /= weight.sum(axis=1, keepdims=True)
    mean = weight @ t
    spread = np.sqrt((weight * (t - mean[:, None]) ** 2).sum(axis=1))
    facts.append(pd.DataFrame({"diagnosis": diagnosis, "mV": amplitude, "ms": 4e3 * spread}))
facts = pd.concat(facts, ignore_index=True)

figure, columns = plt.subplots(1, 3, figsize=(9, 5), sharey=True, sharex=True, layout="constrained")
for axes, (diagnosis, shapes) in zip(columns, potentials.items()):
    for k, shape in enumerate(shapes[:6]):
        centre = np.argmax(np.abs(shape))
        t = 1e3 * (np.arange(len(shape)) - centre) / fs
        axes.plot(t, shape - 1.5 * k, color=colours[diagnosis], lw=1)
    axes.set(title=diagnosis, xlabel="time from the peak (ms)", xlim=(-10, 10))
columns[0].set(ylabel="potentials of six units (bar: 1 mV)", yticks=[])
columns[0].plot([-9, -9], [-8.6, -7.6], color="0.1", lw=3)
figure.suptitle("Myopathic potentials are small, neuropathic ones large and complex")
plt.show()

# %%
# Medians of 60 units per diagnosis
# ---------------------------------
facts.groupby("diagnosis", sort=False).median().round(2)

# %%
# Neuropathic potentials are larger and myopathic potentials smaller. The simulator changes the
# fibres of a unit (such as their number, diameters and end-plates), not the potentials themselves.
