"""Decomposition of the annotated recordings of N2001, against the experts' discharges."""

import pytest

from sklearn_emg.datasets import load_annotations, load_n2001
from sklearn_emg.metrics import decomposition_agreement
from sklearn_emg.motor_units import MotorUnitDecomposer, ReferenceLimits, muscle_potentials
from sklearn_emg.preprocessing import BandpassFilter
from sklearn_emg.recordings import is_healthy


@pytest.fixture(scope="module")
def recordings(real_data):
    data = load_n2001(real_data / "n2001").data
    return data, MotorUnitDecomposer().fit(data)


def test_discharges_of_the_largest_annotated_units_are_found(recordings):
    data, decomposer = recordings
    for row, file in enumerate(data["annotations"]):
        mine = decomposer.discharges_["row"] == row
        found = decomposer.discharges_[mine].drop(columns="row")
        bunch = load_annotations(file)
        size = bunch.templates.set_index("unit")["signal"].map(lambda wave: wave.max() - wave.min())
        counts = bunch.events.groupby("unit").size()
        # Annotated units with few discharges are often parts of other ones.
        often = size[counts[size.index] >= 30].nlargest(1).index
        largest = bunch.events[bunch.events["unit"].isin(often)]
        result = decomposition_agreement(found, largest, partial=True)
        assert result.sensitivity > 0.95
        assert result.units["error"].max() < 0.5e-3


def test_units_are_as_regular_as_motor_units(recordings):
    _, decomposer = recordings
    units = decomposer.units_
    assert units.groupby("row").size().min() >= 4
    assert units["interval"].between(0.05, 0.5).all()
    assert units["variability"].median() < 0.2


@pytest.mark.slow
def test_limits_of_the_units_of_own_controls(real_data):
    data = load_n2001(real_data / "n2001_biceps", spoilt="trim").data
    data = data[data["level"] == "low"].groupby("subject").head(6)
    table = BandpassFilter(20.0, 8000.0).fit_transform(data)
    potentials = muscle_potentials(table, MotorUnitDecomposer())
    groups = table["group"].to_numpy()[potentials["row"]]
    measures = ("amplitude", "duration", "thickness", "size_index")
    scored = ReferenceLimits(measures, confidence=0.9).cross_score(potentials, groups)
    abnormal = scored.groupby("subject")["abnormal"].any()
    healthy = data.groupby("subject")["group"].first().map(is_healthy)[abnormal.index]
    assert healthy.sum() >= 5
    assert abnormal[healthy].sum() <= 1
    assert abnormal[~healthy].mean() > 0.5
