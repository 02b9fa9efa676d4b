"""
Can Optuna tune the whole pipeline, from the filter to the vote?
================================================================

Optuna proposes settings similar to those of successful trials, samples numbers from ranges instead
of lists, and has an interface for scikit-learn estimators. One search can therefore tune the
filter, the features, the classifier and the vote over windows. As in
:ref:`sphx_glr_auto_examples_evaluation_plot_tuning.py`, the score of the best trial is optimistic.
An unbiased score needs subjects that no trial has used.
"""

# %%
# The pipeline and its space of settings
# --------------------------------------
# Like the searches of scikit-learn, ``OptunaSearchCV`` takes nested names. It also takes ranges of
# numbers, with a linear or logarithmic scale.
import warnings

import matplotlib.pyplot as plt
import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna_integration import OptunaSearchCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import EMGFeatures
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.preprocessing import BandpassFilter

optuna.logging.set_verbosity(optuna.logging.ERROR)
# Optuna warns that parts of its own interface may change.
warnings.filterwarnings("ignore", "OptunaSearchCV is experimental")
warnings.filterwarnings("ignore", "`optuna.terminator`", FutureWarning)

STYLES = {"hudgins": ("#0072B2", "o"), "ahmed": ("#D55E00", "s"), "elamvazuthi": ("#009E73", "D")}
table, y = make_nemg_cohort(
    24, n_recordings=36, fs=2000.0, duration=1.0, difficulty=0.5, return_X_y=True, random_state=0
)
lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1)
windows = Pipeline([("features", EMGFeatures(fs=2000.0)), ("lda", lda)])
model = Pipeline(
    [("filter", BandpassFilter(20, 900)), ("divote", DiVoteClassifier(windows, step=None))]
)
space = {
    "filter__low": FloatDistribution(5, 150, log=True),
    "filter__high": FloatDistribution(400, 900),
    "divote__window": FloatDistribution(0.1, 0.5, step=0.1),
    "divote__voting": CategoricalDistribution(["soft", "hard"]),
    "divote__estimator__features__features": CategoricalDistribution(list(STYLES)),
    "divote__estimator__lda__shrinkage": FloatDistribution(0.001, 1.0, log=True),
}

# %%
# A search that splits by subject
# -------------------------------
# ``SubjectKFold`` reads the subjects from the table in both the inner and the outer splits. The
# search gets a seed instead of a ``study``. With a study, the clones that are tested below would
# start with its trials, which have used every subject.
score = subject_scorer("balanced_accuracy")
search = OptunaSearchCV(
    model, space, cv=SubjectKFold(3, random_state=0), scoring=score, n_trials=14, random_state=0
)
search.fit(table, y)
for name, value in search.best_params_.items():
    print(f"{name.rsplit('__', 1)[1]:10} {value if isinstance(value, str) else f'{value:.3g}'}")

# %%
# The same search, tested on unseen subjects
# ------------------------------------------
# Each outer fold runs its own search.
outer = SubjectKFold(3, random_state=1)
nested = cross_val_score(search, table, y, cv=outer, scoring=score)
untuned = cross_val_score(model, table, y, cv=outer, scoring=score)
chance = 1 / len(np.unique(y))

figure, (left, right) = plt.subplots(
    1, 2, figsize=(8, 3.6), sharey=True, width_ratios=[2, 1], layout="constrained"
)
trials = search.trials_
values = np.array([t.value for t in trials])
features = np.array([t.params["divote__estimator__features__features"] for t in trials])
for name, (colour, marker) in STYLES.items():
    at = np.flatnonzero(features == name)
    left.plot(at + 1, values[at], marker, color=colour, label=name)
left.step(np.arange(1, len(values) + 1), np.maximum.accumulate(values), color="0.5", where="post",
          label="best so far")  # fmt: skip
left.set(xlabel="trial", ylabel="balanced accuracy over subjects", ylim=(0, 1.02))
left.legend(frameon=False, ncols=2, loc="lower right")
columns = ([search.best_score_], nested, untuned)
for at, scores in enumerate(columns):
    right.plot(np.full(len(scores), at), scores, "o", color="0.6", label="fold" if at else None)
    right.plot(at, np.mean(scores), "_", color="#D55E00" if at == 0 else "#0072B2", ms=28, mew=3)
right.set(
    xticks=range(3), xticklabels=["best trial\n(optimistic)", "tuned", "untuned"], xlim=(-0.6, 2.6),
    title="Best trial and unseen subjects",
)  # fmt: skip
left.set_title("Trials of the search, by their features")
figure.suptitle("On unseen subjects the tuned pipeline is hardly better than the untuned one")
for axes in (left, right):
    axes.axhline(chance, color="0.4", ls="--", lw=1)
right.text(-0.55, chance, "chance", color="0.3", va="top")
plt.show()

# %%
# The left panel shows the trials of the search, coloured by the features that they used. In the
# right panel, bars are means and dots are outer folds. Only its middle column estimates the score
# of the tuned pipeline. With eight subjects in a fold, one subject changes a score by about 0.13.
print(
    f"best trial {search.best_score_:.2f}, unseen subjects {nested.mean():.2f}, "
    f"untuned {untuned.mean():.2f}, chance {chance:.2f}"
)
