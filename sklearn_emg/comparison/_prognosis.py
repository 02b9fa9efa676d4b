"""Naive baselines of a prognosis in compare, and the pipelines that are better than these."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from sklearn_emg.comparison._results import Comparison, score_cell
from sklearn_emg.metrics import paired_permutation_test
from sklearn_emg.prognosis import naive_baselines

_ALPHA = 0.05


def is_prognosis(X: Any) -> bool:
    """Return whether a table contains visits with later targets."""
    return isinstance(X, pd.DataFrame) and {"value@0", "target_time"} <= set(X.columns)


def with_baselines(pipelines: dict[str, Any]) -> dict[str, Any]:
    """Add the naive baselines that are missing from the pipelines.

    Parameters
    ----------
    pipelines : dict of str to estimator
        Pipelines by name.

    Returns
    -------
    pipelines : dict of str to estimator
        Pipelines and naive baselines by name.
    """
    given = {type(estimator) for estimator in pipelines.values()}
    missing = {n: e for n, e in naive_baselines().items() if type(e) not in given}
    if clash := sorted(set(missing) & set(pipelines)):
        raise ValueError(
            f"compare adds the baseline {clash[0]!r} to a prognosis. Give your pipeline another "
            "name."
        )
    return {**pipelines, **missing}


def with_remark(result: Comparison, pipelines: dict[str, Any]) -> Comparison:
    """Add a remark on which pipelines are better than the best naive baseline.

    Absolute errors are compared by a permutation test that is paired by subject.

    Parameters
    ----------
    result : Comparison
        Results of all pipelines.
    pipelines : dict of str to estimator
        Pipelines that were compared, including the baselines.

    Returns
    -------
    result : Comparison
        Results with the remark.
    """
    kinds = {type(e) for e in naive_baselines().values()}
    naive = [name for name, estimator in pipelines.items() if type(estimator) in kinds]
    others = _without(pipelines, naive)
    chosen = result.summary.query("level == 'subject' and metric == 'mae'")
    scored = chosen.set_index("pipeline")["pooled"].dropna()
    naive = scored.index.intersection(naive).tolist()
    if not naive:
        return result
    best = str(scored[naive].idxmin())
    of_best = result.summary.query("pipeline == @best and level == 'subject'")
    cell = score_cell(of_best.set_index("metric"), "mae")
    head = f"The best naive baseline is {best!r}, MAE {cell}."
    if not others:
        return replace(result, remark=head)
    better = _better(result, scored, best, others)
    text = "No pipeline is better."
    if better:
        text = f"Pipelines that are better (test paired by subject): {', '.join(better)}."
    return replace(result, remark=f"{head} {text}")


def _without(pipelines: dict[str, Any], naive: list[str]) -> list[str]:
    return [name for name in pipelines if name not in naive]


def _better(result: Comparison, scored: pd.Series, best: str, others: list[str]) -> list[str]:
    """Find pipelines with smaller errors than the best baseline, with Bonferroni's correction."""
    errors = result.predictions.assign(
        error=(result.predictions["y_true"] - result.predictions["y_pred"]).abs()
    )
    keys = list(dict.fromkeys(["fold", "subject", result.unit]))
    wide = errors.pivot_table(index=keys, columns="pipeline", values="error", sort=False)
    better = []
    for name in others:
        if name not in scored.index or scored[name] >= scored[best]:
            continue
        pair = wide[[name, best]].dropna()
        subjects = pair.index.get_level_values("subject")
        test = paired_permutation_test(pair[name], pair[best], subjects=subjects, random_state=0)
        if test.difference < 0 and test.pvalue * len(others) <= _ALPHA:
            better.append(f"{name} ({100 * (scored[name] / scored[best] - 1):+.0f} %)")
    return better
