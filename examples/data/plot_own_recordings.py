"""
Your own recordings: from file to result
========================================

How do the files of a laboratory become a checked table, and how does the table become a result?
This example covers five formats: text, EDF, WFDB, OpenSignals and HDF5. For each format it writes a
small invented file, reads it, and plots what was read. :doc:`/user_guide/own_data` describes
further formats and options.

The recordings are invented: they contain noise that is larger while a muscle is active. Figures and
scores of this example say nothing about the EMG of real subjects.
"""

# %%
import re
import tempfile
import warnings
from pathlib import Path

import h5py
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline

from sklearn_emg.comparison import compare
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.inspection import ComparisonDisplay, report
from sklearn_emg.io import (
    Annotation,
    describe_file,
    read_folder,
    read_recordings,
    write_recordings,
)
from sklearn_emg.recordings import (
    cut_recordings,
    object_column,
    recording_table,
    segments_from_events,
    select_channels,
)

folder = Path(tempfile.mkdtemp())
rng = np.random.default_rng(0)


def invented(n_times, fs, amplitude=0.2, bursts=((1.0, 2.0), (3.0, 4.5))):
    """Return noise in mV, 20 times larger during the bursts, whose limits are given in s."""
    t = np.arange(n_times) / fs
    active = np.any([(a <= t) & (t < b) for a, b in bursts], axis=0)
    return amplitude * np.where(active, 1, 0.05) * rng.normal(size=n_times)


def plot(table, title):
    """Plot each channel in mV against time in s, with the annotations of the file."""
    channels = [
        (row, name, x)
        for _, row in table.iterrows()
        for name, x in zip(row["channel_names"], np.atleast_2d(row["signal"]))
    ]
    fig, axes = plt.subplots(
        len(channels), sharex=True, squeeze=False, figsize=(7, 1 + 1.2 * len(channels)),
        layout="constrained",
    )  # fmt: skip
    for ax, (row, name, x) in zip(axes[:, 0], channels):
        ax.plot(np.arange(x.size) / row["fs"], x, lw=0.4)
        ax.set_ylabel(f"{name}\n(mV)")
        for note in row["annotations"]:
            ax.axvspan(note.onset, note.onset + (note.duration or 0), color="C1", alpha=0.3)
    axes[-1, 0].set_xlabel("time (s)")
    fig.suptitle(f"{title}, {table['fs'][0]:g} Hz")


# %%
# Text
# ----
# The file is an export with a line of titles, a time column, semicolons and decimal commas.
# ``describe_file`` shows how the file would be read. The last lines of the output name what the
# file does not state.
fs, n_times = 1500, 7500
export = pd.DataFrame(
    {
        "time [s]": np.arange(n_times) / fs,
        "Biceps [uV]": 1000 * invented(n_times, fs),
        "Triceps [uV]": 1000 * invented(n_times, fs, bursts=[(2.0, 3.0)]),
        "Acc X [g]": rng.normal(size=n_times),
    }
)
export.round(4).to_csv(folder / "s01_elbow.csv", sep=";", decimal=",", index=False)
describe_file(folder / "s01_elbow.csv")

# %%
# The file does not name its subject, so we pass it. Microvolts are converted to millivolts. The
# acceleration is left out and listed in the column ``skipped``.
table = read_recordings(folder / "s01_elbow.csv", subject="s01")
plot(table, "Text")
table["skipped"][0]

# %%
# EDF
# ---
# EDF+ stores labels, units, the subject and annotations. ``write_recordings`` writes a table to
# EDF+ files, which other programs can read.
recording = recording_table(
    [[invented(10_000, 2000.0), invented(10_000, 2000.0, 0.1)]],
    fs=2000.0,
    subject="s02",
    channel_names=["Soleus", "Gastrocnemius"],
)
recording["annotations"] = object_column(
    [(Annotation(1.0, 1.0, "rise"), Annotation(3.0, 1.5, "hold"))]
)
write_recordings(recording, folder / "s02.edf")
table = read_recordings(folder / "s02.edf")
plot(table, "EDF+")

# %%
# The annotations are used to cut the recording into labelled segments:
segments = segments_from_events(table)
cut_recordings(table, segments)[["subject", "label", "start", "stop", "fs"]]

# %%
# WFDB
# ----
# WFDB is the format of PhysioNet. A record has a header file and a separate file of samples. With
# ``lazy=True``, the samples are read only when they are needed.
recording = recording["signal"][0]
needle = recording_table([recording[0, :4000]], fs=2000.0, subject="s03", channel_names=["needle"])
write_recordings(needle, folder / "record", format="wfdb", bits=24)
print((folder / "record" / "s03_1.hea").read_text())
table = read_recordings(folder / "record" / "s03_1.hea", lazy=True)
plot(table, "WFDB")
table["signal"][0]

# %%
# OpenSignals
# -----------
# Recorders such as biosignalsplux and BITalino store counts. The header states the resolution of
# each channel and the sensor, which determine the transfer function to mV.
header = {
    "00:07:80:00:00:01": {
        "sensor": ["EMG"], "device": "biosignalsplux", "column": ["nSeq", "DI", "CH1"],
        "label": ["CH1"], "sampling rate": 1000, "resolution": [16], "date": "2026-3-2",
        "time": "12:30:0.0", "channels": [1], "mode": 0, "digital IO": [0], "position": 0,
    }
}  # fmt: skip
counts = np.rint((invented(5000, 1000) / 3 + 0.5) * 2**16).astype(int)
rows = [f"{k % 65536}\t0\t{value}" for k, value in enumerate(counts)]
head = ["# OpenSignals Text File Format", "# " + str(header).replace("'", '"'), "# EndOfHeader"]
(folder / "s04.txt").write_text("\n".join(head + rows) + "\n")
table = read_recordings(folder / "s04.txt", subject="s04")
plot(table, "OpenSignals")

# %%
# HDF5
# ----
# Arrays are found in any group, and rate, names and unit are taken from the same group. MATLAB
# files are read in the same way. Channels are selected by name.
with h5py.File(folder / "s05.h5", "w") as file:
    group = file.create_group("session1")
    group["emg"] = np.stack([invented(4000, 800, a) for a in (0.1, 0.2, 0.3)])
    group["emg"].attrs["unit"] = "mV"
    group.attrs["fs"] = 800.0
    group["channel_names"] = np.array(["flexor", "extensor", "thenar"], dtype="S10")
table = read_recordings(folder / "s05.h5", subject="s05")
plot(select_channels(table, ["flexor", "thenar"]), "HDF5")

# %%
# Warnings about implausible values
# ---------------------------------
# If values are in microvolts although their title says mV, a warning states the file, the channel
# and the remedy:
wrong = export[["time [s]", "Biceps [uV]"]].set_axis(["time [s]", "Biceps [mV]"], axis=1)
wrong.to_csv(folder / "wrong.csv", index=False)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    read_recordings(folder / "wrong.csv", subject="s01")
print(str(caught[0].message).replace(str(folder), ""))

# %%
# From a folder to a result
# -------------------------
# This study is a folder of files whose paths state the group, the subject and the muscle.
# ``read_folder`` returns the table and the labels. ``compare`` predicts each subject with a model
# trained on other subjects, and the dummy baseline shows the score of predictions without features.
for k in range(16):
    group, loud = ("patient", 0.15) if k % 2 else ("control", 0.25)
    (folder / "study" / group).mkdir(parents=True, exist_ok=True)
    for muscle in ("biceps", "deltoid"):
        x = invented(3000, 1000, rng.normal(loud, 0.05), bursts=[(0.0, 3.0)])
        frame = pd.DataFrame({"time [s]": np.arange(3000) / 1000, "EMG [mV]": x})
        frame.to_csv(folder / "study" / group / f"s{k:02}_{muscle}.csv", index=False)

X, y = read_folder(folder / "study", "{group}/{subject}_{muscle}.csv")
features = TimeDomainFeatures()
result = compare(
    {
        "features and LDA": DiVoteClassifier(
            make_pipeline(features, LinearDiscriminantAnalysis()), window=0.5, step=0.5
        ),
        "dummy": DiVoteClassifier(make_pipeline(features, DummyClassifier()), window=0.5, step=0.5),
    },
    X,
    y,
    cv=4,
    progress=False,
)
result.table("subject", ["accuracy", "balanced_accuracy"])

# %%
display = ComparisonDisplay.from_comparison(result).plot()
display.figure_.suptitle("The features separate the groups of the invented study")
plt.show()

# %%
# A page for colleagues
# ---------------------
# ``report`` writes one HTML page, which can be opened offline. It contains data, scores, confusion
# matrices, settings and a model card.
page = report(result, folder / "report.html")
print(re.sub("<[^>]*>", "", " | ".join(re.findall("<h2.*?</h2>", page.read_text()))))

# %%
# One call turns a file of each format into a table with the same columns, in mV and Hz. Three calls
# lead from the files of the study to a comparison by subject, with intervals, and to a report.
