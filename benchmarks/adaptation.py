"""Accuracy at another site by the number of local subjects: N2001 to Algiers, and back.

    python benchmarks/adaptation.py FOLDER [--draws 20] [--features FILE.parquet] [--out STEM]

FOLDER contains ``n2001_biceps`` and ``algiers``. The features are the clinical ones of
``across_sites.py``, which computes them; ``--features`` stores them for the next run. A classical
system learns from 0, 1, 3, 5 or 10 local subjects. It uses unlabelled recordings of healthy
subjects to standardise the features, or labelled recordings, with which the classifier is refitted
together with the recordings of the source, or both. The settings were fixed before the first run
and not changed afterwards. ``--out`` writes the table (STEM.md) and the figure (STEM.svg).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import sklearn
from across_sites import FACTS, SETS, read_sites
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emg.adaptation import AdaptationCurve, AdaptiveDiagnosis, adaptation_curve
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.inspection import AdaptationDisplay
from sklearn_emg.preprocessing import SiteStandardizer

COLUMNS = SETS["clinical"]
SIZES = (0, 1, 3, 5, 10)
WAYS = (("N2001", "deltoid"), ("N2001", "biceps"), ("deltoid", "N2001"), ("biceps", "N2001"))
PRIOR, WEIGHT = 5.0, 5.0


def divote(*steps: Any) -> DiVoteClassifier:
    classifier = LogisticRegression(class_weight="balanced", max_iter=5000)
    return DiVoteClassifier(
        make_pipeline(*steps, classifier), window=None, final_estimator=None, features=COLUMNS
    )


def systems() -> dict[str, dict[str, AdaptiveDiagnosis]]:
    """Return systems, grouped by what they learn from the local subjects."""
    standardizer = SiteStandardizer(prior=PRIOR, new_site="pooled")
    by_site = make_pipeline(standardizer, divote())
    return {
        "references": {"references": AdaptiveDiagnosis(by_site)},
        "labels": {
            "labels": AdaptiveDiagnosis(divote(StandardScaler()), weight=WEIGHT),
            "references and labels": AdaptiveDiagnosis(by_site, weight=WEIGHT),
        },
    }


def largest(target: pd.DataFrame, learn: str) -> int:
    """Return the largest number of local subjects that leaves one per class for the test."""
    counts = target.groupby("group")["subject"].nunique()
    if learn == "references":
        return int(counts["healthy"]) - 1
    order = ["healthy", *sorted(set(counts.index) - {"healthy"})]
    n = 0
    while counts[order[n % len(order)]] > n // len(order) + 1:
        n += 1
    return n


def curves(
    sites: dict[str, pd.DataFrame], source: str, target: str, n_draws: int, forgetting: bool
) -> list[AdaptationCurve]:
    table = pd.concat([sites[source], sites[target]], ignore_index=True)[[*COLUMNS, *FACTS]]
    found = []
    for learn, models in systems().items():
        sizes = [n for n in SIZES if n <= largest(sites[target], learn)]
        found.append(
            adaptation_curve(
                models,
                table,
                table["group"],
                target=target,
                learn=learn,
                sizes=sizes,
                n_draws=n_draws,
                forgetting=forgetting,
            )
        )
    return found


def cells(rows: pd.DataFrame) -> dict[int, str]:
    return {
        n: f"{value:.2f} [{low:.2f}, {high:.2f}]"
        for n, value, low, high in rows[["n_local", "value", "low", "high"]].itertuples(index=False)
    }


def lines(way: str, found: list[AdaptationCurve], cohort: str) -> list[str]:
    """Return the rows of the Markdown table, one per system."""
    out = []
    for curve in found:
        for model, rows in curve.rows(cohort=cohort).groupby("model", sort=False):
            by_size = cells(rows)
            row = [way, str(model), f"{rows['n_subjects'].iloc[0]:.0f}"]
            out.append(f"| {' | '.join([*row, *(by_size.get(n, '-') for n in SIZES)])} |")
    return out


def read_features(folder: Path, kept: Path | None) -> dict[str, pd.DataFrame]:
    if kept is not None and kept.exists():
        table = pd.read_parquet(kept)
        return {str(name): part.reset_index(drop=True) for name, part in table.groupby("site")}
    sites = read_sites(folder, 0)
    if kept is not None:
        pd.concat(sites.values(), ignore_index=True).to_parquet(kept)
    return sites


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--features", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args(argv)
    start = time.process_time()
    sites = read_features(arguments.folder, arguments.features)
    heads = f"| {' | '.join(map(str, SIZES))} |"
    rule = "|---" * (3 + len(SIZES)) + "|"
    counts = "; ".join(
        f"{name} {len(sites[name])} recordings, subjects "
        + ", ".join(
            f"{n} {c}" for c, n in sites[name].groupby("group")["subject"].nunique().items()
        )
        for name in ("N2001", "deltoid", "biceps")
    )
    text = [
        f"- command: `python benchmarks/adaptation.py FOLDER --draws {arguments.draws}`",
        f"- data: {counts}",
        f"- date: {time.strftime('%Y-%m-%d')}; scikit-learn {sklearn.__version__}",
        "",
        f"| from, to | learned from | tested {heads}",
        rule,
    ]
    shown: dict[str, list[AdaptationCurve]] = {}
    for source, target in WAYS:
        way = f"{source}, {target}"
        shown[way] = curves(sites, source, target, arguments.draws, forgetting=False)
        text += lines(way, shown[way], "new")
        print("\n".join(text[-3:]), flush=True)
    text += ["", f"| from, to: old subjects | learned from | tested {heads}", rule]
    for source, target in WAYS:
        found = curves(sites, source, target, arguments.draws, forgetting=True)
        text += lines(f"{source}, {target}", found, "old")
        print("\n".join(text[-3:]), flush=True)
    if arguments.out is not None:
        arguments.out.with_suffix(".md").write_text("\n".join(text) + "\n")
        figure = AdaptationDisplay.from_curves(shown).plot().figure_
        figure.savefig(arguments.out.with_suffix(".svg"))
    print(f"{time.process_time() - start:.0f} CPU seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
