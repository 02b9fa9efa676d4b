"""Decomposition of the annotated recordings of N2001, against the experts' discharges."""

import pytest

from sklearn_emg.datasets import load_annotations, load_n2001
from sklearn_emg.metrics import decomposition_agreement
from sklearn_emg.motor_units import MotorUnitDecomposer


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
