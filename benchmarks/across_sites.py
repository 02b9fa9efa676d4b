"""Diagnosis at another site: N2001 (biceps, low level) to Algiers and back, 10 references.

    python benchmarks/across_sites.py FOLDER [--draws 20] [--references 10] [--out TABLE.md]

FOLDER contains ``n2001_biceps`` and ``algiers``. The features of all recordings are computed once,
in a minute on one core, and kept in memory. A recording is resampled to 20 kHz, band-pass filtered
from 20 to 8000 Hz, and freed of 50 Hz and its harmonics; its features, most of them as logarithms,
are averaged over windows of 0.4 s. A model trained at one site diagnoses the subjects of the other
site; ALS counts as neuropathy. At each site, features are standardised with healthy reference
subjects. They are drawn anew in each of many repetitions and are not scored in that repetition; a
few rows of the table use other methods. No patient of the target site is used for a choice: the
setting called "chosen" is the one that performs best from N2001 to a simulated cohort at stronger
contraction. Intervals come from a bootstrap that draws references and subjects.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from scipy.linalg import fractional_matrix_power
from sklearn.covariance import ledoit_wolf
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from sklearn_emg.comparison import compare
from sklearn_emg.datasets import load_algiers, load_n2001, make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier, NormalLimitRules
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.feature_extraction import (
    AutoregressiveFeatures,
    MUAPFeatures,
    SpectralFeatures,
    TimeDomainFeatures,
)
from sklearn_emg.preprocessing import BandpassFilter, NotchFilter, Resampler, SiteStandardizer
from sklearn_emg.recordings import concat_tables, divide

CLASSES = ["healthy", "myopathy", "neuropathy"]
SAME = {"ALS": "neuropathy", "control": "healthy", "normal": "healthy"}
FACTS = ["subject", "site", "group"]
RATE = 20_000.0

TIME = ["rms", "mav", "wl", "turns", "turn_amplitude", "zc", "ssc", "kurtosis", "hjorth_mobility"]
SPECTRUM = ["mnf", "mdf", "edge_frequency", "spectral_entropy"]
SETS = {
    "clinical": [
        *("rms", "turns", "turn_amplitude", "turns_per_amplitude", "mnf", "mdf"),
        *("edge_frequency", "hjorth_mobility", "kurtosis"),
    ],
    "amplitude and frequency": ["rms", "hjorth_mobility"],
    "shape": ["mnf", "mdf", "edge_frequency", "spectral_entropy", "hjorth_mobility", "kurtosis"],
    "general": [*("mav", "wl", "zc", "ssc"), *SPECTRUM, *(f"ar_{k}" for k in range(1, 5))],
    "potentials": [
        *("muap_amplitude", "muap_duration", "muap_phases", "muap_turns"),
        *("muap_thickness", "muap_size_index", "muap_rate"),
    ],
}
CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "logistic regression": lambda: LogisticRegression(class_weight="balanced", max_iter=5000),
    "extra trees": lambda: ExtraTreesClassifier(
        100, min_samples_leaf=3, class_weight="balanced", random_state=0
    ),
    "limits": NormalLimitRules,
}


# ---------------------------------------------------------------- features, once per recording


def recording_features(table: pd.DataFrame) -> pd.DataFrame:
    """Return means over windows of the features, most as logarithms, one row per recording."""
    steps = Resampler(RATE), BandpassFilter(20.0, 8000.0), NotchFilter(50.0, harmonics=20)
    extractors = [
        TimeDomainFeatures(TIME, fs=RATE, thresholds=0.01),
        SpectralFeatures(SPECTRUM, fs=RATE, method="welch", nperseg=2048),
        AutoregressiveFeatures(4),
        MUAPFeatures("all", fs=RATE, fill_value=np.nan),
    ]
    rows = []
    for k in range(len(table)):
        part = table.iloc[[k]]
        for step in steps:
            part = step.fit_transform(part)
        windows = divide(part, 0.4).X.astype(float)
        values = pd.concat(
            [e.set_output(transform="pandas").fit_transform(windows) for e in extractors], axis=1
        )
        rows.append(in_logarithms(values).mean())
    features = pd.DataFrame(rows, index=table.index)
    return pd.concat([features, table[FACTS]], axis=1)


def in_logarithms(values: pd.DataFrame) -> pd.DataFrame:
    """Return log(x) of amplitudes and frequencies, and log(1 + x) of counts and most potentials.

    Coefficients, the spectral entropy and the size index of potentials are not changed.
    """
    values = values.copy()
    # Turns differ by at least 0.1 mV, which serves as the amplitude if there are no turns.
    values["turn_amplitude"] = values["turn_amplitude"].clip(lower=0.1)
    counts = values.columns.str.startswith(("turns", "zc", "ssc", "muap_"))
    counts &= ~values.columns.str.startswith("muap_size")
    linear = values.columns.str.startswith(("ar_", "spectral_entropy", "muap_size"))
    values.loc[:, counts] = np.log1p(values.loc[:, counts])
    rest = ~counts & ~linear
    values.loc[:, rest] = np.log(values.loc[:, rest].clip(lower=1e-6))
    values["turns_per_amplitude"] = values["turns"] - values["turn_amplitude"]
    return values


def read_sites(folder: Path, seed: int) -> dict[str, pd.DataFrame]:
    """Return feature tables of the two Algiers muscles, N2001 and a simulated cohort."""
    n2001 = load_n2001(folder / "n2001_biceps", muscle="BB", invalid="clip").data
    algiers = load_algiers(folder / "algiers").data
    simulated, y = make_nemg_cohort(
        60, n_recordings=180, fs=RATE, duration=4.0, drive=0.1, region_balance="balanced",
        random_state=seed, return_X_y=True,
    )  # fmt: skip
    tables = {
        "N2001": n2001[n2001["level"] == "low"],
        "deltoid": algiers[algiers["muscle"] == "deltoid"],
        "biceps": algiers[algiers["muscle"] == "biceps brachii"],
        "simulated": simulated.assign(group=y),
    }
    return {
        name: recording_features(
            table.assign(site=name, group=table["group"].replace(SAME)).reset_index(drop=True)
        )
        for name, table in tables.items()
    }


# ---------------------------------------------------------------- methods of transfer between sites


Site = tuple[np.ndarray, np.ndarray]  # features of recordings, and a mask of references


def unchanged(source: Site, target: Site) -> list[np.ndarray]:
    """Scale both sites by the source, as a plain baseline."""
    mean, std = np.nanmean(source[0], axis=0), np.nanstd(source[0], axis=0)
    return [(values - mean) / std for values, _ in (source, target)]


def ranks(source: Site, target: Site) -> list[np.ndarray]:
    """Replace each value with the fraction of the site's references that have a lower value."""
    return [np.mean(v[:, None] > v[refs], axis=1) for v, refs in (source, target)]


def ranks_of_all(source: Site, target: Site) -> list[np.ndarray]:
    """Replace each value with its rank among all recordings of the site, without labels."""
    return [pd.DataFrame(v).rank(pct=True).to_numpy() for v, _ in (source, target)]


def coral(source: Site, target: Site) -> list[np.ndarray]:
    """Align the covariance of the source to that of all target recordings, without labels."""
    scaled = unchanged(source, target)
    return _aligned(*scaled, *scaled)


def coral_of_references(source: Site, target: Site) -> list[np.ndarray]:
    """Align the covariance of the references of the source to that of the target."""
    scaled = unchanged(source, target)
    return _aligned(*scaled, *(v[refs] for v, (_, refs) in zip(scaled, (source, target))))


def _aligned(
    source: np.ndarray, target: np.ndarray, of_source: np.ndarray, of_target: np.ndarray
) -> list[np.ndarray]:
    parts = [np.nan_to_num(part) for part in (of_source, of_target)]
    white, colour = (ledoit_wolf(part)[0] for part in parts)
    map_ = fractional_matrix_power(white, -0.5) @ fractional_matrix_power(colour, 0.5)
    means = [part.mean(axis=0) for part in parts]
    return [np.nan_to_num(source - means[0]) @ np.real(map_) + means[1], target]


def predict(
    source: pd.DataFrame,
    target: pd.DataFrame,
    columns: list[str],
    classifier: str,
    way: str | Callable[[Site, Site], list[np.ndarray]] = "mean",
    *,
    n_reference: int,
    draws: Iterable[int],
    local: bool = False,
) -> pd.DataFrame:
    """Return probabilities of the scored subjects of the target for each draw of references.

    `way` is a statistic of the SiteStandardizer, or a function of two sites. With `local`, the
    references of the target are also training examples.
    """
    found = []
    for draw in draws:
        statistic = way if isinstance(way, str) else "mean"
        scaler = SiteStandardizer(
            n_reference=n_reference, statistic=statistic, metadata="drop", random_state=draw
        )
        tables = [table[[*columns, *FACTS]] for table in (source, target)]
        drawn = [{s for found in scaler.draw(t).values() for s in found} for t in tables]
        marks = [t["subject"].isin(names).to_numpy() for t, names in zip(tables, drawn)]
        if isinstance(way, str):
            scaler.fit(tables[0])
            values = [scaler.transform(table).to_numpy() for table in tables]
        else:
            sites = [(t[columns].to_numpy(), m) for t, m in zip(tables, marks)]
            values = way(*sites)
        # If no window contains a potential, use the value of the references.
        train, test = (np.nan_to_num(v) for v in values)
        y = source["group"].to_numpy()
        if local:
            train = np.vstack([train, test[marks[1]]])
            y = np.append(y, target["group"].to_numpy()[marks[1]])
        model = CLASSIFIERS[classifier]().fit(train, y)
        proba = pd.DataFrame(model.predict_proba(test), columns=model.classes_)
        proba = proba.assign(subject=target["subject"].to_numpy(), group=target["group"].to_numpy())
        scored = proba[~marks[1]].groupby(["subject", "group"])[CLASSES].mean().reset_index()
        found.append(scored.assign(draw=draw, diagnosis=scored[CLASSES].idxmax(axis=1)))
    return pd.concat(found, ignore_index=True)


# ---------------------------------------------------------------- scores


def recalls(table: pd.DataFrame) -> np.ndarray:
    correct = (table["group"] == table["diagnosis"]).to_numpy()
    return np.array([correct[table["group"].to_numpy() == name].mean() for name in CLASSES])


def summary(predictions: pd.DataFrame, n_resamples: int = 1000) -> dict[str, Any]:
    """Return balanced accuracy over draws with its interval, recalls and pairwise AUROCs."""
    draws = [part.reset_index(drop=True) for _, part in predictions.groupby("draw")]
    by_draw = np.array([recalls(part) for part in draws])
    rng = np.random.default_rng(0)
    resampled = []
    for _ in range(n_resamples):
        part = draws[rng.integers(len(draws))]
        rows = part.iloc[rng.integers(len(part), size=len(part))]
        if rows["group"].nunique() == len(CLASSES):
            resampled.append(recalls(rows).mean())
    auroc = {}
    for first, second in itertools.combinations(CLASSES, 2):
        values = []
        for part in draws:
            pair = part[part["group"].isin([first, second])]
            odds = np.log(pair[second] + 1e-9) - np.log(pair[first] + 1e-9)
            values.append(roc_auc_score(pair["group"] == second, odds))
        auroc[f"{first[0].upper()}-{second[0].upper()}"] = float(np.mean(values))
    scores = by_draw.mean(axis=1)
    return {
        "score": scores.mean(),
        "low": np.quantile(resampled, 0.025),
        "high": np.quantile(resampled, 0.975),
        "draws": (scores.min(), scores.max()),
        "recalls": by_draw.mean(axis=0),
        "auroc": auroc,
    }


def choose(
    sites: dict[str, pd.DataFrame], n_reference: int, draws: int
) -> tuple[str, str, str, pd.DataFrame]:
    """Return the best setting from N2001 to the simulated cohort, without Algiers patients."""
    grid = itertools.product(SETS, ("logistic regression", "extra trees"), ("mean", "median"))
    rows = []
    for name, classifier, statistic in grid:
        found = predict(
            sites["N2001"], sites["simulated"], SETS[name], classifier, statistic,
            n_reference=n_reference, draws=range(draws),
        )  # fmt: skip
        score = np.mean([recalls(part).mean() for _, part in found.groupby("draw")])
        rows.append((name, classifier, statistic, score))
    table = pd.DataFrame(rows, columns=["features", "classifier", "statistic", "score"])
    best = table.loc[table["score"].idxmax()]
    return best["features"], best["classifier"], best["statistic"], table


def methods(chosen: tuple[str, str, str]) -> dict[str, dict[str, Any]]:
    """Return the title and the arguments of `predict` of each row of the table."""
    columns, classifier, statistic = chosen
    base = {"columns": SETS[columns], "classifier": classifier, "way": statistic}
    primary = {"columns": SETS["clinical"], "classifier": "logistic regression", "way": "mean"}
    rows: dict[str, dict[str, Any]] = {
        "not standardised": {**primary, "way": unchanged},
        "fixed beforehand: clinical features, logistic regression, mean": primary,
        "5 references": {**primary, "n_reference": 5},
        "3 references": {**primary, "n_reference": 3},
        "median and IQR": {**primary, "way": "median"},
        "references also used for training": {**primary, "local": True},
        "extra trees": {**primary, "classifier": "extra trees"},
        "ranks among the references": {**primary, "way": ranks},
        "ranks among all recordings (unlabelled)": {**primary, "way": ranks_of_all},
        "CORAL, references": {**primary, "way": coral_of_references},
        "CORAL, all recordings (unlabelled)": {**primary, "way": coral},
        "limits of 2 SD, clinical features": {**primary, "classifier": "limits"},
        "limits of 2 SD, potentials": {"columns": SETS["potentials"], "classifier": "limits"},
        "trained on simulated subjects": {**primary, "source": "simulated"},
        "trained on N2001 and simulated subjects": {**primary, "source": "both"},
    }
    if base != primary:
        rows[f"chosen without the target: {columns}, {classifier}, {statistic}"] = base
    for name in SETS:
        if name != "clinical":
            rows[f"features: {name}"] = {**primary, "columns": SETS[name]}
    return rows


def run(sites: dict[str, pd.DataFrame], arguments: argparse.Namespace) -> str:
    """Return all rows for both muscles as a Markdown table."""
    warnings.simplefilter("ignore", SubjectLeakWarning)
    *chosen, grid = choose(sites, arguments.references, 5)
    print(grid.sort_values("score", ascending=False).round(3).to_string(index=False), flush=True)
    print(f"chosen without the target: {', '.join(chosen)}", flush=True)
    both = pd.concat([sites["N2001"], sites["simulated"]], ignore_index=True)
    sources = {"N2001": sites["N2001"], "simulated": sites["simulated"], "both": both}
    lines = [
        *_header(sites, arguments, ", ".join(chosen)),
        "| method | target | balanced accuracy | draws | recall H / M / N "
        "| AUROC H-M / H-N / M-N |",
        "|---|---|---|---|---|---|",
    ]
    for title, settings in methods((chosen[0], chosen[1], chosen[2])).items():
        settings = {"n_reference": arguments.references, **settings}
        source = sources[settings.pop("source", "N2001")]
        for target in ("deltoid", "biceps"):
            found = predict(source, sites[target], draws=range(arguments.draws), **settings)
            lines.append(_line(title, target, summary(found)))
            print(lines[-1], flush=True)
    back = {"columns": SETS["clinical"], "classifier": "logistic regression", "n_reference": 4}
    for name in ("deltoid", "biceps"):
        found = predict(sites[name], sites["N2001"], draws=range(arguments.draws), **back)
        lines.append(_line(f"back: {name} to N2001, 4 references", "N2001", summary(found)))
        print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def _header(
    sites: dict[str, pd.DataFrame], arguments: argparse.Namespace, chosen: str
) -> list[str]:
    """Return lines that state the command, the part of the data and the date."""
    counts = "; ".join(
        f"{name} {table['subject'].nunique()} ({len(table)} recordings, "
        + ", ".join(f"{n} {c}" for c, n in table.groupby("group")["subject"].nunique().items())
        + ")"
        for name, table in sites.items()
    )
    command = f"python benchmarks/across_sites.py FOLDER --draws {arguments.draws}"
    return [
        f"- command: `{command} --references {arguments.references}`",
        f"- subjects: {counts}",
        f"- best of 20 settings, trained on N2001 and tested on the simulated cohort: {chosen}",
        f"- date: {time.strftime('%Y-%m-%d')}; scikit-learn {sklearn.__version__}",
        "",
    ]


def _line(title: str, target: str, s: dict[str, Any]) -> str:
    cells = [
        title,
        target,
        f"{s['score']:.2f} [{s['low']:.2f}, {s['high']:.2f}]",
        "{:.2f}-{:.2f}".format(*s["draws"]),
        " / ".join(f"{r:.2f}" for r in s["recalls"]),
        " / ".join(f"{a:.2f}" for a in s["auroc"].values()),
    ]
    return "| " + " | ".join(cells) + " |"


def side_by_side(sites: dict[str, pd.DataFrame], arguments: argparse.Namespace) -> None:
    """Print compare(site=...) within each site and across sites, for one draw of references."""
    columns = SETS["clinical"]
    divote = DiVoteClassifier(
        CLASSIFIERS["logistic regression"](),
        window=None,
        final_estimator=None,
        features=columns,
    )
    scaler = SiteStandardizer(n_reference=min(arguments.references, 4))
    for name in ("deltoid", "biceps"):
        table = concat_tables([sites["N2001"], sites[name]])[[*columns, *FACTS]]
        result = compare(
            {"not standardised": make_pipeline(SiteStandardizer("all", site=None), divote),
             "by site": make_pipeline(scaler, divote)},
            table, table["group"], site="site", cv=5, progress=False,
        )  # fmt: skip
        print(f"\nN2001 and Algiers {name}\n{result.site_table()!r}", flush=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--references", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args(argv)
    start = time.process_time()
    sites = read_sites(arguments.folder, arguments.seed)
    for name, table in sites.items():
        counts = table.groupby("group")["subject"].nunique().to_dict()
        print(f"{name}: {len(table)} recordings, subjects {counts}")
    print(f"features: {time.process_time() - start:.0f} CPU seconds", flush=True)
    text = run(sites, arguments)
    side_by_side(sites, arguments)
    if arguments.out is not None:
        arguments.out.write_text(text)
    print(f"{time.process_time() - start:.0f} CPU seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
