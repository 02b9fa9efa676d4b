"""Small files in the formats of devices, with their true contents; all values are invented."""

import json
import struct
import zlib

import numpy as np


def emg(n_times, fs, rms, seed, bursts=None):
    """Band-limited noise in mV of a given RMS about a mean of 0; quiet where `bursts` is False."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.normal(size=n_times))
    frequencies = np.fft.rfftfreq(n_times, 1 / fs)
    spectrum[(frequencies < 15) | (frequencies > 0.4 * fs)] = 0
    x = np.fft.irfft(spectrum, n_times)
    if bursts is not None:
        x = x * np.where(bursts, 1.0, 0.05)
    x = x - x.mean()
    return x * rms / x.std()


def write_text(path, lines, encoding="utf-8", newline="\n"):
    path.write_bytes((newline.join(lines) + newline).encode(encoding))
    return path


def emgworks(path, head=True, fs=2222.222, slow=74.074, n_times=1500):
    n_slow = int(n_times * slow / fs)
    x = [emg(n_times, fs, 0.05, 1), emg(n_times, fs, 0.2, 2)]
    acc = np.cos(np.arange(n_slow) / 9)
    names = ["Avanti sensor 3: EMG.A 3", "Avanti sensor 3: Acc 3.X", "Avanti sensor 4: EMG.A 4"]
    data = [(x[0] / 1e3, fs, "V"), (acc, slow, "g"), (x[1] / 1e3, fs, "V")]
    lines = []
    if head:
        lines += [
            f"Label: {name} Sampling frequency: {rate:.6e} Number of points: {len(v)} start: 0 "
            f"Unit: {unit} Domain Unit: s"
            for name, (v, rate, unit) in zip(names, data)
        ]
        lines += ["", ",".join(f'X[s],"{name}"' for name in names)]
    else:
        lines += [",".join(f"X[s],{name} [{u}]" for name, (_, _, u) in zip(names, data))]
    for i in range(n_times):
        cells = [f"{i / r:.9f},{v[i]:.8e}" if i < len(v) else "," for v, r, _ in data]
        lines.append(",".join(cells))
    write_text(path, lines, newline="\r\n")
    return {names[0]: x[0], names[2]: x[1]}, fs, slow


def noraxon(path, separator=";", fs=2000.4, unit="uV"):
    n_times, switch, marker = 2400, 1000, 1500
    active = np.arange(n_times) >= switch
    x = [emg(n_times, fs, 0.06, 3, active), emg(n_times, fs, 0.11, 4, active)]
    factor = {"uV": 1e3, "mV": 1.0}[unit]
    names = ["VMO RT", "VLO RT"]
    lines = [
        separator.join(["type", "begin_time", "frequency", "count", "record_name"]),
        separator.join(["record", "0,00000", f"{fs}", f"{n_times}", "Trial 4"]),
        "",
        separator.join(["time", "Activity", "Marker", *(f"{n} ({unit})" for n in names)]),
    ]
    for i in range(n_times):
        text = {0: "Rest", switch: "Squat"}.get(i, "")
        cells = [f"{i / fs:.5f}", *(f"{v[i] * factor:.6f}" for v in x)]
        time, *values = (c.replace(".", ",") for c in cells)
        lines.append(separator.join([time, text, "Beep" if i == marker else "", *values]))
    write_text(path, lines, newline="\r\n")
    return dict(zip(names, x)), fs, switch / fs, marker / fs


def openbci(path, titles=True, fs=250.0):
    n_times = 800
    x = [emg(n_times, fs, 0.02 * (k + 1), 10 + k) for k in range(4)]
    lines = ["%OpenBCI Raw EXG Data", "%Number of channels = 4", f"%Sample Rate = {fs:g} Hz"]
    if titles:
        names = [f"EXG Channel {k}" for k in range(4)]
        lines.append(", ".join(["Sample Index", *names, "Accel Channel 0", "Other", "Timestamp"]))
    else:
        names = [f"EXG{k + 1}" for k in range(4)]
    for i in range(n_times):
        clock = f"{1.6e9 + (i - i % 5) / fs:.6f}" if titles else f"09:00:{i / fs:06.3f}"
        values = [f"{1e3 * v[i] - 7e3:.4f}" for v in x]
        lines.append(", ".join([str(i % 256), *values, "0.016", "0.0", clock]))
    write_text(path, lines)
    return dict(zip(names, x)), fs


def vicon(path, fs=1500, trajectories_first=False):
    n_times = 900
    x = [emg(n_times, fs, 0.09, 20), np.zeros(n_times)]
    force = 400 + 3 * np.sin(np.arange(n_times) / 50)
    devices = [
        "Devices",
        f"{fs}",
        ",,Noraxon - EMG,,Plate - Force",
        "Frame,Sub Frame,IM EMG1,IM EMG2,Fz",
        ",,V,V,N",
        *(f"{1 + i // 15},{i % 15},{x[0][i] / 1e3:.10f},0,{force[i]:.3f}" for i in range(n_times)),
        "",
    ]
    others = ["Trajectories", "100", ",,P1:LASI,,", "Frame,Sub Frame,X,Y,Z", ",,mm,mm,mm"]
    others += [*(f"{i},0,{i * 0.5:.2f},1,2" for i in range(1, 60)), ""]
    write_text(path, others + devices if trajectories_first else devices + others)
    return {"IM EMG1": x[0], "IM EMG2": x[1]}, float(fs)


def opensignals_text(path, device="biosignalsplux", sensor="EMG"):
    n_times, fs, bits = 1200, 500, [16, 12, 16]
    x = [emg(n_times, fs, 0.2, 30), emg(n_times, fs, 0.3, 31)]
    span = 3.0 if device == "biosignalsplux" else 3300 / 1009
    counts = [np.rint((v / span + 0.5) * 2**b).astype(int) for v, b in zip(x, bits)]
    head = {
        "AA:BB": {
            "sensor": [sensor, sensor, "XYZ"],
            "column": ["nSeq", "DI", "CH1", "CH2", "CH8"],
            "label": ["CH1", "CH2", "CH8"],
            "sampling rate": fs,
            "resolution": bits,
            "device": device,
            "date": "2024-5-6",
            "time": "7:8:9.0",
        }
    }
    rows = [f"{i % 16}\t1\t{a}\t{b}\t{i}\t" for i, (a, b) in enumerate(zip(*counts))]
    write_text(
        path, ["# OpenSignals Text File Format", f"# {json.dumps(head)}", "# EndOfHeader", *rows]
    )
    return {"CH1": x[0], "CH2": x[1]}, float(fs)


def opensignals_hdf5(path):
    import h5py

    n_times, fs, bits = 1200, 500, [16, 12]
    x = [emg(n_times, fs, 0.2, 30), emg(n_times, fs, 0.3, 31)]
    with h5py.File(path, "w") as file:
        device = file.create_group("AA:BB")
        device.attrs.update({"sampling rate": fs, "resolution": bits, "device": "biosignalsplux"})
        raw = device.create_group("raw")
        raw["nSeq"] = np.arange(n_times)[:, None]
        for k, (v, b) in enumerate(zip(x, bits), 1):
            data = raw.create_dataset(
                f"channel_{k}", data=np.rint((v / 3 + 0.5) * 2**b).astype("u2")[:, None]
            )
            data.attrs.update({"sensor": "EMG", "label": f"CH{k}"})
    return {"CH1": x[0], "CH2": x[1]}, float(fs)


def edf(path, bits=16):
    import edfio

    fs, n_times = 2000, 8000
    x = emg(n_times, fs, 0.07, 40)
    make = edfio.EdfSignal if bits == 16 else edfio.BdfSignal
    signals = [
        make(x * 1e3, fs, label="EMG soleus", physical_dimension="uV"),
        make(np.array([30.0, 31, 32, 33]), 1, label="Temp", physical_dimension="degC"),
    ]
    notes = [edfio.EdfAnnotation(0.5, 1.25, "squat"), edfio.EdfAnnotation(3.0, None, "beep")]
    (edfio.Edf if bits == 16 else edfio.Bdf)(signals, annotations=notes).write(path)
    return {"EMG soleus": x}, float(fs)


def c3d(path, real=True, order="<", frames=100, per_frame=20):
    """A C3D file written by hand: one marker, a force and two EMG channels in V."""
    rate, n_times = 100.0, frames * per_frame
    fs = rate * per_frame
    names = ["Force.Fz1", "EMG.TA", "EMG.GM"]
    x = [emg(n_times, fs, 0.1, 50), emg(n_times, fs, 0.3, 51)]
    values = np.stack([500 + np.sin(np.arange(n_times) / 99), x[0] / 1e3, x[1] / 1e3], axis=1)
    scales = np.array([0.05, 1e-7, 1e-7])

    def parameter(group, name, size, shape, content):
        body = struct.pack("bB", size, len(shape)) + bytes(shape) + content + b"\0"
        return (
            struct.pack("bb", len(name), group)
            + name.encode()
            + struct.pack(order + "H", len(body) + 2)
            + body
        )

    def text(group, name, items):
        width = max(map(len, items))
        return parameter(
            group, name, -1, (width, len(items)), "".join(i.ljust(width) for i in items).encode()
        )

    def numbers(group, name, kind, items):
        size = 4 if kind == "f" else 2
        shape = (len(items),) if len(items) > 1 else ()
        return parameter(
            group, name, size, shape, struct.pack(f"{order}{len(items)}{kind}", *items)
        )

    def group(number, name):
        return (
            struct.pack("bb", len(name), -number) + name.encode() + struct.pack(order + "HB", 3, 0)
        )

    block = group(1, "POINT") + numbers(1, "RATE", "f", [rate]) + numbers(1, "DATA_START", "h", [4])
    block += group(2, "ANALOG") + numbers(2, "USED", "h", [3]) + text(2, "LABELS", names)
    block += text(2, "UNITS", ["N", "V", "V"]) + numbers(2, "GEN_SCALE", "f", [1.0])
    block += numbers(2, "SCALE", "f", [1.0] * 3 if real else scales.tolist())
    block += numbers(2, "OFFSET", "h", [0, 0, 0]) + numbers(2, "RATE", "f", [fs])
    block += group(3, "EVENT") + text(3, "LABELS", ["Foot Strike"]) + text(3, "CONTEXTS", ["Left"])
    block += parameter(3, "TIMES", 4, (2, 1), struct.pack(order + "2f", 0.0, 0.25))
    processor = 84 if order == "<" else 86
    block = bytes([1, 0x50, 2, processor]) + block + b"\0\0"
    head = struct.pack("BB", 2, 0x50) + struct.pack(
        order + "HHHHHfHHf",
        1,
        3 * per_frame,
        1,
        frames,
        10,
        -1.0 if real else 0.1,
        4,
        per_frame,
        rate,
    )
    kind = order + ("f4" if real else "i2")
    stored = values if real else np.rint(values / scales)
    table = np.zeros((frames, 4 + 3 * per_frame))
    table[:, 4:] = stored.reshape(frames, -1)
    path.write_bytes(
        head.ljust(512, b"\0") + block.ljust(1024, b"\0") + table.astype(kind).tobytes()
    )
    return dict(zip(names[1:], x)), fs


def matlab(path):
    from scipy.io import savemat

    fs, n_times = 1000, 900
    x = [emg(n_times, fs, 0.08, 60), emg(n_times, fs, 0.12, 61)]
    names = np.array(["FDI", "APB"], dtype=object)
    block = {"values": 1e3 * np.stack(x, axis=1), "labels": names, "unit": "uV"}
    content = {"trial": {"emg": {**block, "fs": np.uint16(fs)}, "force": np.ones(n_times),
                         "time": np.arange(n_times) / fs}, "subject": {"id": "K09"}}  # fmt: skip
    savemat(path, content, do_compression=True)
    return dict(zip(names, x)), float(fs)


def matlab_73(path):
    """The layout of MATLAB 7.3: HDF5 after 512 bytes, columns first, text as numbers."""
    import h5py

    fs, n_times = 2000, 900
    x = [emg(n_times, fs, 0.08, 62), emg(n_times, fs, 0.12, 63)]
    with h5py.File(path, "w", userblock_size=512) as file:
        struct_ = file.create_group("EMG")
        struct_.attrs["MATLAB_class"] = b"struct"
        data = struct_.create_dataset("data", data=np.stack(x))  # (n_times, 2) in MATLAB
        data.attrs["MATLAB_class"] = b"double"
        struct_.create_dataset("fs", data=np.array([[float(fs)]])).attrs["MATLAB_class"] = b"double"
        unit = struct_.create_dataset("units", data=np.array([[109], [86]], dtype="u2"))
        unit.attrs["MATLAB_class"] = b"char"
        refs = file.create_group("#refs#")
        cells = []
        for i, name in enumerate(("left", "right")):
            codes = np.array([[ord(c)] for c in name], dtype="u2")
            refs.create_dataset(str(i), data=codes).attrs["MATLAB_class"] = b"char"
            cells.append(refs[str(i)].ref)
        cell = struct_.create_dataset("labels", data=np.array([cells], dtype=h5py.ref_dtype))
        cell.attrs["MATLAB_class"] = b"cell"
    content = path.read_bytes()
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(512, b" ") + content[512:])
    return {"left": x[0], "right": x[1]}, float(fs)


def hdf5(path):
    import h5py

    fs, n_times = 1024, 1000
    x = [emg(n_times, fs, 0.15, 70), emg(n_times, fs, 0.25, 71)]
    with h5py.File(path, "w") as file:
        data = file.create_dataset("session/emg", data=np.stack(x) * 1e3, compression="gzip")
        data.attrs.update({"sampling_rate": float(fs), "units": "uV", "channel_names": ["a", "b"]})
        file["session/force"] = np.arange(n_times, dtype=float)
        file.attrs["subject"] = "h3"
    return {"a": x[0], "b": x[1]}, float(fs)


def wfdb(path):
    fs, n_times = 1000, 900
    x = [emg(n_times, fs, 0.1, 80), emg(n_times, fs, 0.2, 81)]
    stored = np.rint(np.stack(x, axis=1) * 8000).astype("<i2")
    path.with_suffix(".dat").write_bytes(stored.tobytes())
    rows = [f"{path.stem}.dat 16 8000/mV 16 0 {stored[0, i]} 0 0 {n}" for i, n in enumerate("uv")]
    path.with_suffix(".hea").write_text("\n".join([f"{path.stem} 2 {fs} {n_times}", *rows]) + "\n")
    return {"u": x[0], "v": x[1]}, float(fs)


def bids(folder):
    where = folder / "sub-07" / "ses-1" / "emg"
    where.mkdir(parents=True)
    path = where / "sub-07_ses-1_task-grip_emg.edf"
    truth, fs = edf(path)
    (folder / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.11.0"}')
    (folder / "participants.tsv").write_text("participant_id\tage\tgroup\nsub-07\t54\tpatient\n")
    (folder / "task-grip_emg.json").write_text('{"SamplingFrequency": 2000}')
    (where / "sub-07_ses-1_task-grip_channels.tsv").write_text(
        "name\ttype\tunits\tstatus\nEMG soleus\tEMG\tuV\tgood\nTemp\tMISC\tdegC\tgood\n"
    )
    (where / "sub-07_ses-1_task-grip_events.tsv").write_text(
        "onset\tduration\ttrial_type\n1.5\t1.0\tgrip\n3\tn/a\tcue\n"
    )
    return path, truth, fs


def written(path):
    """Write a table of three recordings in the format given by the extension."""
    import pandas as pd

    from sklearn_emg.io import Annotation, write_recordings
    from sklearn_emg.recordings import object_column, recording_table

    signals = [np.stack([emg(400, 1000, 0.1, k), emg(400, 1000, 0.2, k + 9)]) for k in range(3)]
    table = recording_table(signals, fs=1000.0, subject=["a", "a", "b"], session=[1, 2, 1],
                            channel_names=["u", "v"], age=[30, 30, 41])  # fmt: skip
    notes = (Annotation(0.1, 0.2, "grip", "EDF"), Annotation(0.2, None, "beep", "EDF"))
    table["annotations"] = object_column([notes, (), ()])
    table["start_time"] = pd.Timestamp("2021-02-03 04:05:06")
    write_recordings(
        table, path, format={".parquet": None, ".w": "wfdb", ".b": "bids"}[path.suffix]
    )


def bomb(n_bytes):
    """A MATLAB file whose compressed part unpacks to `n_bytes` zeros."""
    packed = zlib.compress(b"\0" * n_bytes, 9)
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    return head + struct.pack("<II", 15, len(packed)) + packed
