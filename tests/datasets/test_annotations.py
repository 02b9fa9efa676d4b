"""Expert decompositions of EMGLAB."""

import numpy as np
import pytest

from sklearn_emg.datasets import load_annotations, load_n2001

_TEMPLATE = """<I1 class="struct"><chan>1</chan><unit>3</unit><data>0 26.214 -13.107</data>
<index>1</index><rate>100</rate><gain>13.107</gain><units>uV</units></I1>"""
_FILE = f"""<?xml version="1.0" encoding="ASCII"?>
<emglab_annotation_file xmlns="http://ece.wpi.edu/~ted">
<emglab_spike_header><time></time><unit></unit><chan></chan></emglab_spike_header>
<!-- time unit chan -->
<emglab_spike_events>
0.5 2 1
0.25 3 1
</emglab_spike_events>
<emglab_freeform><var1>{_TEMPLATE}</var1></emglab_freeform>
</emglab_annotation_file>"""


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "a.eaf"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_events_are_sorted_by_time(write):
    events = load_annotations(write(_FILE)).events
    assert events.to_numpy().tolist() == [[0.25, 3, 1], [0.5, 2, 1]]
    assert events["unit"].dtype == np.int64


def test_templates_are_in_millivolts(write):
    row = load_annotations(write(_FILE)).templates.iloc[0]
    np.testing.assert_allclose(row["signal"], [0, 0.002, -0.001], rtol=1e-12)
    assert (row["unit"], row["channel"], row["fs"], row["index"]) == (3, 1, 100.0, 1)


def test_file_without_templates_has_an_empty_table(write):
    assert len(load_annotations(write(_FILE.replace(_TEMPLATE, ""))).templates) == 0


@pytest.mark.parametrize("name, n_events, n_units", [
    ("N2001A01BB02", 264, 12), ("N2001C01BB51", None, None),
])  # fmt: skip
def test_real_annotations_have_a_template_per_unit(name, n_events, n_units, real_data):
    path = real_data / "n2001" / f"{name}.eaf"
    bunch = load_annotations(path)
    assert set(bunch.templates["unit"]) == set(bunch.events["unit"])
    assert (bunch.templates["fs"] == 11718.75).all()
    assert all(len(s) == 625 for s in bunch.templates["signal"])
    if n_events:
        assert (len(bunch.events), len(bunch.templates)) == (n_events, n_units)
        # The file has the lines "0.04456 2 1" and "0.05909 1 1" first.
        assert bunch.events.head(2).to_numpy().tolist() == [[0.04456, 2, 1], [0.05909, 1, 1]]


def test_real_templates_lie_on_the_signal(real_data):
    """The average of the signal around the discharges of a unit looks like its template."""
    table = load_n2001(real_data / "n2001").data.set_index("recording")
    row = table.loc["N2001A01BB02"]
    bunch = load_annotations(row["annotations"])
    best = []
    for _, template in bunch.templates.iterrows():
        times = bunch.events.loc[bunch.events["unit"] == template["unit"], "time"]
        offset = (np.arange(625) - template["index"]) / template["fs"]
        average = np.zeros(625)
        for time in times:
            at = np.clip(np.rint((time + offset) * row["fs"]), 0, len(row["signal"]) - 1)
            average += row["signal"][at.astype(int)]
        best.append(np.corrcoef(average, template["signal"])[0, 1])
    assert max(best) > 0.95


def test_entity_bomb_is_refused_before_it_grows(write):
    bomb = '<!DOCTYPE a [<!ENTITY b "xxxxxxxxxx">' + "".join(
        f'<!ENTITY b{k} "&b{k - 1 or ""};&b{k - 1 or ""};">' for k in range(1, 60)
    )
    content = _FILE.replace("?>\n", f"?>\n{bomb}]>\n", 1).replace("0.5 2 1", "&b59;")
    with pytest.raises(ValueError, match=r"a\.eaf declares a document type"):
        load_annotations(write(content))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_external_entity_is_refused(encoding, write, tmp_path):
    (tmp_path / "secret").write_text("0.1 1 1")
    entity = f'<!DOCTYPE a [<!ENTITY s SYSTEM "{(tmp_path / "secret").as_uri()}">]>'
    content = _FILE.replace("ASCII", encoding).replace("?>\n", f"?>\n{entity}\n", 1)
    content = content.replace("0.5 2 1", "&s;").encode(encoding)
    with pytest.raises(ValueError, match=r"a\.eaf declares a document type"):
        load_annotations(write(content))


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("</emglab_annotation_file>", "", "not well-formed XML"),
        ("ASCII", "no-such-code", "not well-formed XML"),
        (
            "emglab_annotation_file",
            "svg",
            "annotation file: its first element is 'svg'",
        ),
        ("<unit></unit><chan>", "<chan>", "must have spike events with a time and a unit"),
        ("0.5 2 1", "0.5 2", "the event '0.5 2' must have 3 values"),
        ("0.5 2 1", "nan 2 1", "a time of 0 or more"),
        ("0.5 2 1", "0.5 2.5 1", "each unit must be an integer"),
        ("0.5 2 1", "0.5 zwei 1", "damaged annotation file"),
        ("<rate>100</rate>", "", "template I1 lacks rate"),
        ("<index>1</index>", "<index>3</index>", "index of the template I1 must lie within"),
        ("<gain>13.107", "<gain>0", "rate, gain and data of the template I1"),
        ("<units>uV", "<units>deg", "'deg' is not a known voltage"),
        ("<chan>1", "<a>" * 40 + "1" + "</a>" * 40 + "<chan>1", "more than 32 deep"),
    ],
)
def test_damaged_file_is_named(old, new, message, write):
    with pytest.raises(ValueError, match=rf"a\.eaf.*{message}"):
        load_annotations(write(_FILE.replace(old, new)))


def test_empty_file_is_named(write):
    with pytest.raises(ValueError, match=r"a\.eaf is empty"):
        load_annotations(write(b""))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*b\.eaf"):
        load_annotations(tmp_path / "b.eaf")


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("<var1>", "<var1>" + "<a/>" * 100_001, "more than 100000 elements"),
        ("0.5 2 1\n", "0.5 2 1\n" * 1_000_002, "more than 1000000 events"),
        ("0.5 2 1\n", "0.5 2 1" + " 1" * 1_000 + "\n", "an event has more than 1000 characters"),
        ("0 26.214", "0 " * 500_001, "I1 has more than 1000000 characters"),
    ],
    ids=["elements", "events", "line", "template"],
)
def test_content_that_no_decomposition_has_is_refused(old, new, message, write):
    with pytest.raises(ValueError, match=rf"a\.eaf.*{message}"):
        load_annotations(write(_FILE.replace(old, new, 1)))
