"""
Does pretraining help with few patients?
========================================

A laboratory has recorded six subjects. A network can be pretrained on another, larger cohort and
then fine-tuned. Is such a network better than a network trained only on the six subjects? Both
cohorts are simulated, the small cohort with different severity and noise.
"""

# %%
# Two cohorts
# -----------
import matplotlib.pyplot as plt
import numpy as np

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.metrics import wilson_interval
from sklearn_emg.neural_network import ALSNetClassifier, TransferClassifier
from sklearn_emg.recordings import divide, subjects_of


def cohort(n_subjects, **settings):
    """Return windows, labels and subjects of a simulated cohort."""
    table, y = make_nemg_cohort(
        n_subjects,
        n_recordings=3 * n_subjects,
        fs=2000.0,
        duration=1.0,
        return_X_y=True,
        **settings,
    )
    windows = divide(table, 0.25)
    return windows.X, windows.repeat(y), windows.repeat(subjects_of(table))


X_large, y_large, s_large = cohort(36, difficulty=0.3, random_state=0)
X_few, y_few, s_few = cohort(6, difficulty=0.5, noise=2.0, random_state=1)
X_new, y_new, s_new = cohort(30, difficulty=0.5, noise=2.0, random_state=2)

# %%
# Three models, tested on thirty new subjects simulated like the small cohort
# ---------------------------------------------------------------------------
# Subjects are numbered within each cohort. Adding 1000 makes the numbers distinct.
network = ALSNetClassifier(max_epochs=12, class_weight="balanced", random_state=0)
transfer = TransferClassifier(network, frozen=(), fine_tune_params={"lr": 3e-4, "max_epochs": 8})
transfer.pretrain(X_large, y_large, groups=s_large)
models = {
    "six subjects only": network.fit(X_few, y_few, groups=s_few),
    "large cohort only": transfer.source_,
    "large cohort, fine-tuned": transfer.fine_tune(X_few, y_few, groups=1000 + s_few),
}

# %%
# The score counts subjects. The diagnosis of a subject is the class with the highest mean
# probability over the windows.
subjects = np.unique(s_new)
truth = np.array([y_new[s_new == s][0] for s in subjects])
figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
for k, (name, model) in enumerate(models.items()):
    proba = model.predict_proba(X_new)
    votes = [model.classes_[proba[s_new == s].mean(axis=0).argmax()] for s in subjects]
    accuracy = np.mean(votes == truth)
    low, high = wilson_interval(accuracy, len(subjects))
    axes.errorbar(
        accuracy, k, xerr=[[accuracy - low], [high - accuracy]], fmt="o", capsize=4, color="#0072B2"
    )
    print(f"{name:25} {accuracy:.2f} [{low:.2f}, {high:.2f}]")
axes.axvline(1 / 3, color="0.4", ls="--", lw=1)
axes.text(1 / 3, -0.45, "largest class ", color="0.3", ha="right", va="center")
axes.set(
    yticks=range(len(models)), yticklabels=models, ylim=(2.6, -0.7), xlim=(0, 1),
    xlabel=f"accuracy over {len(subjects)} unseen subjects (95 % interval)",
    title="The larger cohort helps, and fine-tuning adds nothing",
)  # fmt: skip
plt.show()

# %%
# A network trained only on six subjects does not exceed the chance level. The network trained on
# the larger cohort performs well without fine-tuning, and the change after fine-tuning is within
# the intervals. Subjects of the pretraining cohort must not be tested. ``TransferClassifier``
# refuses to fine-tune on shared subjects.
