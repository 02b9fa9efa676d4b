"""
How do windows become a diagnosis?
==================================

A person is recorded in many muscles, and each recording holds many windows. ``DiVoteClassifier``
averages the windows' class probabilities over each recording, the recordings' over each subject,
and a final classifier reads these few numbers. ``vote`` gives the whole chain as tables.

The source: J. Yoo et al., *Comput. Methods Programs Biomed.* 226 (2022) 107079.
"""

# %%
# Train on some subjects, vote for others
# ---------------------------------------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import EMGFeatures
from sklearn_emg.model_selection import subject_train_test_split

table, y = make_nemg_cohort(
    45, n_recordings=225, fs=5000.0, duration=1.0, difficulty=0.3, return_X_y=True, random_state=0
)
train, test, y_train, y_test = subject_train_test_split(table, y, test_size=0.4, random_state=0)
windows = make_pipeline(
    EMGFeatures("patel"), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
)
model = DiVoteClassifier(windows, window=0.4, step=0.2, by="region").fit(train, y_train)
votes = model.vote(test)
votes.subjects[["n_recordings", "vote", "diagnosis"]].head()

# %%
# From recordings to subjects
# ---------------------------
# Left: each row a subject nobody trained on, each cell one of his recordings, coloured by the class
# with the highest score, paler where the scores are close. Right: the mean scores of a subject are
# a point in a triangle, with the three classes in the corners.
colours = {"normal": "#009E73", "myopathy": "#D55E00", "neuropathy": "#0072B2"}
classes = list(model.classes_)
corners = np.array([[0, 0], [1, 0], [0.5, np.sqrt(3) / 2]])
score = [f"score_{c}" for c in classes]
truth = dict(zip(test["subject"], y_test))
order = sorted(votes.subjects.index, key=lambda s: (classes.index(truth[s]), str(s)))

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
for i, subject in enumerate(order):
    mine = votes.recordings[votes.recordings["subject"] == subject]
    for j, (_, recording) in enumerate(mine.iterrows()):
        chance, best = 1 / len(classes), recording[score].max()
        left.barh(
            i, 0.9, left=j, height=0.9, color=colours[recording["vote"]],
            alpha=0.15 + 0.85 * (best - chance) / (1 - chance),
        )  # fmt: skip
left.invert_yaxis()
left.set(xlabel="recording", yticks=range(len(order)), title="votes of the recordings", xticks=[])
left.set_yticklabels(
    [f"{truth[s]}  {s}" for s in order], fontsize="x-small"
)  # true class beside the code of the subject
for text, subject in zip(left.get_yticklabels(), order):
    text.set_color(colours[truth[subject]])

right.add_patch(plt.Polygon(corners, fill=False, color="0.6"))
centre = corners.mean(axis=0)
for middle in (corners[[0, 1]], corners[[1, 2]], corners[[0, 2]]):
    right.plot(*np.transpose([centre, middle.mean(axis=0)]), color="0.8", lw=1, zorder=0)
places = votes.subjects[score].to_numpy() @ corners
for label, colour in colours.items():
    mine = np.array([truth[s] == label for s in votes.subjects.index])
    right.plot(*places[mine].T, "o", color=colour, label=f"truly {label}")
for corner, label, up in zip(corners, classes, (-1, -1, 1)):
    right.annotate(
        label, corner, (0, 8 * up), textcoords="offset points", ha="center",
        va="bottom" if up > 0 else "top", color=colours[label],
    )  # fmt: skip
right.set_title("mean scores of the subjects", pad=24)
right.set(aspect="equal", xlim=(-0.15, 1.15))
right.axis("off")
right.legend(loc="upper left", frameon=False, fontsize="small")
plt.show()

# %%
# Subjects are right a little more often than their recordings: errors of single recordings average
# out, those that all recordings of a person share do not.
right_recordings = np.mean(votes.recordings["vote"] == y_test)
diagnosis = votes.subjects["diagnosis"]
right_people = np.mean([truth[s] == d for s, d in diagnosis.items()])
print(f"recordings {right_recordings:.2f}, subjects {right_people:.2f}, chance {1 / 3:.2f}")
print(f"{len(diagnosis)} simulated test subjects: one of them is {1 / len(diagnosis):.2f}")
