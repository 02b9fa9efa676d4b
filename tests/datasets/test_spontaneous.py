"""Requested spontaneous activity has the kinds, numbers, rates and amplitudes described."""

import numpy as np
import pytest

from sklearn_emg.datasets import simulate_recording

REST = {"drive": 0.0, "fs": 10000.0, "duration": 20.0, "return_truth": True}


def sources(name, n=12, seed=0):
    _, truth = simulate_recording(**REST, spontaneous={name: n}, random_state=seed)
    return truth["spontaneous"]


@pytest.mark.parametrize(
    "name, kind, rates, sizes",
    [
        ("fibrillations", "fibrillation", (0.5, 15.0), (0.015, 0.21)),
        ("sharp_waves", "positive sharp wave", (0.5, 15.0), (0.02, 0.31)),
        ("endplate_spikes", "end-plate activity", (4.0, 45.0), (0.04, 0.21)),
    ],
)
def test_fibres_fire_at_the_rates_and_sizes_of_their_kind(name, kind, rates, sizes):
    found = sources(name)
    assert [source["kind"] for source in found] == [kind] * 12
    n = np.array([len(source["firing_times"]) for source in found])
    # 20 s: a rate of 0.5 Hz has 9 to 11 discharges.
    assert n.min() >= 20 * rates[0] - 1
    assert n.max() <= 20 * rates[1] + 1
    # The amplifier's filter reduces the amplitudes slightly.
    assert all(sizes[0] <= source["ptp_mv"] <= sizes[1] for source in found)


def test_fibrillations_are_regular_and_fasciculations_are_not():
    regular = [np.diff(s["firing_times"]) for s in sources("fibrillations")]
    assert max(i.std() / i.mean() for i in regular) < 0.12
    twitches = [np.diff(s["firing_times"]) for s in sources("fasciculations", 30)]
    spread = [i.std() / i.mean() for i in twitches if len(i) >= 8]
    assert np.median(spread) > 0.5
    assert min(i.min() for i in twitches if len(i)) >= 0.1 - 1e-4


def test_sharp_waves_begin_positive_and_have_a_long_shallow_negative_phase():
    for source in sources("sharp_waves"):
        wave = source["template"]
        top = int(wave.argmax())
        assert -wave.min() < 0.5 * wave.max()
        assert (wave[top:] < -0.1 * -wave.min()).sum() > 80  # samples at 10 kHz: 8 ms
    for source in sources("endplate_spikes"):
        wave = source["template"]
        assert wave.argmin() < wave.argmax()


def test_signal_is_the_sum_of_the_sources_at_their_times():
    quiet = {"noise": 0.0, "powerline": 0.0, "drift": 0.0, "resolution": 0.0}
    wanted = {"fibrillations": 1, "sharp_waves": 1, "fasciculations": 2}
    signal, truth = simulate_recording(
        **REST | {"fs": 24000.0, "duration": 4.0},
        amplifier=quiet,
        spontaneous=wanted,
        random_state=1,
    )
    total = np.zeros(len(signal) + 2000)
    for source in truth["spontaneous"]:
        for time in source["firing_times"]:
            at = round(24000 * time)
            total[at : at + len(source["template"])] += source["template"]
    total = total[192 : 192 + len(signal)]  # 8 ms before the firing
    # Templates end before the response of the amplifier's high-pass filter has decayed.
    assert np.sqrt(np.mean((total - signal) ** 2) / np.mean(signal**2)) < 0.1
    assert len(truth["spontaneous"]) == 4


def test_an_empty_mapping_silences_a_disease():
    severe = {"severity": 1.0, "subtype": "als", **REST}
    _, truth = simulate_recording("deltoid", "neuropathy", **severe, spontaneous={}, random_state=3)
    assert truth["spontaneous"] == []
    _, truth = simulate_recording("deltoid", "neuropathy", **severe, random_state=3)
    assert {s["kind"] for s in truth["spontaneous"]} & {"fibrillation", "fasciculation"}


def test_endplate_noise_has_the_wanted_size():
    quiet = {"noise": 0.0, "powerline": 0.0, "drift": 0.0, "highpass": 1.0}
    signal, _ = simulate_recording(
        **REST, amplifier=quiet, spontaneous={"endplate_noise": 0.01}, random_state=0
    )
    assert signal.std() == pytest.approx(0.01, rel=0.1)
    assert ((signal - signal.mean()) ** 3).mean() < 0  # negative potentials


def test_unknown_kinds_and_numbers_are_refused():
    with pytest.raises(ValueError, match="Did you mean 'fibrillations'"):
        simulate_recording(spontaneous={"fibrillation": 2})
    with pytest.raises(ValueError, match=r"spontaneous\['sharp_waves'\]"):
        simulate_recording(spontaneous={"sharp_waves": 1.5})
    with pytest.raises(TypeError, match="must be a mapping"):
        simulate_recording(spontaneous=3)
