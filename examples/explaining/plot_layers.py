"""
In which layer of a network are the classes separated?
======================================================

The output of each layer, reduced to two dimensions, shows how well the classes are separated there.
This example repeats figure 5 of the nEMGNet study (J. Yoo et al. 2022) with a narrow nEMGNet. The
windows are those of unseen subjects, since almost any network separates the classes of its training
windows.
"""

# %%
# Train on some subjects
# ----------------------
import matplotlib.pyplot as plt
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.inspection import LayerEmbeddingDisplay, layer_embedding
from sklearn_emg.model_selection import subject_train_test_split
from sklearn_emg.neural_network import NEMGNetClassifier
from sklearn_emg.recordings import divide, subjects_of

table, y = make_nemg_cohort(
    45, n_recordings=135, fs=5000.0, duration=1.0, difficulty=0.2, return_X_y=True, random_state=1
)
train, test, y_train, y_test = subject_train_test_split(table, y, random_state=0)
seen, new = divide(train, 0.4, 0.2), divide(test, 0.4, 0.2)
network = NEMGNetClassifier(
    variant="A",
    n_filters=(16, 16, 32, 32, 32),
    n_hidden=(32,),
    max_epochs=15,
    patience=10,
    class_weight="balanced",
    random_state=0,
)
network.fit(seen.X, seen.repeat(y_train), groups=seen.repeat(subjects_of(train)))

# %%
# Windows of unseen subjects, layer by layer
# ------------------------------------------
# The coordinates are principal components. If ``umap-learn`` is installed, ``method="umap"``
# computes UMAP coordinates, as in the study.
embedding = layer_embedding(network, new.X, method="pca", time_average=True, random_state=0)
figure, axes = plt.subplots(2, 3, figsize=(8, 5.6), layout="constrained")
axes[1, 2].set_axis_off()  # room for the legend
display = LayerEmbeddingDisplay.from_embedding(embedding, new.repeat(y_test)).plot(
    ax=axes.ravel()[:5]
)
display.legend_.set_in_layout(False)
figure.suptitle("Each dot is a window of an unseen subject, in the output of one layer")
plt.show()

# %%
# Measuring the separation
# ------------------------
# A nearest-neighbour classifier predicts the class of each window from its two coordinates. The
# neighbours are windows of the other unseen subjects. The score is the balanced accuracy of
# windows, with a split by subject.
labels, subject = new.repeat(y_test), new.repeat(subjects_of(test))
for name, points in embedding.points.items():
    neighbours = make_pipeline(StandardScaler(), KNeighborsClassifier(15))
    predicted = cross_val_predict(neighbours, points, labels, groups=subject, cv=LeaveOneGroupOut())
    print(f"{name:12} {balanced_accuracy_score(labels, predicted):.2f}")
print("chance       0.33")
