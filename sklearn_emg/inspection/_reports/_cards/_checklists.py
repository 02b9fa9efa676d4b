"""Items of TRIPOD+AI and REFORMS, paraphrased.

G. S. Collins et al., "TRIPOD+AI statement: updated guidance for reporting clinical prediction
models that use regression or machine learning methods", BMJ 385 (2024) e078378.

S. Kapoor et al., "REFORMS: consensus-based recommendations for machine-learning-based science",
Science Advances 10 (2024) eadk3452.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sklearn_emg.inspection._reports._cards._card import AUTHOR, Section

#: What each item of TRIPOD+AI asks for. Parts of an item (5a, 5b, ...) are combined.
TRIPOD_AI = {
    "1": "Title: development or evaluation of a model, target population, outcome",
    "2": "Abstract: items of TRIPOD+AI for abstracts",
    "3": "Background: clinical need, intended use and users, known inequalities in health",
    "4": "Objectives: development, evaluation or both",
    "5": "Data: sources, reasons for choosing them, dates",
    "6": "Participants: setting, centres, eligibility, treatments",
    "7": "Data preparation: steps and checks, the same for all groups",
    "8": "Outcome: definition, assessors, blinding",
    "9": "Predictors: choice, definition, measurement",
    "10": "Sample size: how it was determined, and whether it suffices",
    "11": "Missing data: handling, reasons for leaving data out",
    "12": "Analysis: use of the data, model, tuning, validation, clusters, measures",
    "13": "Class imbalance: methods, and recalibration afterwards",
    "14": "Fairness: approaches and reasons for them",
    "15": "Model output: class, probability or value; thresholds",
    "16": "Training and evaluation: differences between their data",
    "17": "Ethical approval and consent",
    "18": "Open science: funding, interests, protocol, registration, data, code",
    "19": "Involvement of patients and the public",
    "20": "Participants included: flow, characteristics, groups",
    "21": "Model development: subjects and outcome events in each analysis",
    "22": "Model specification: details that are needed for new predictions",
    "23": "Performance: scores with intervals, also for subgroups and clusters",
    "24": "Model updating: results, if the model was updated",
    "25": "Interpretation: results, fairness, earlier studies",
    "26": "Limitations: sample, overfitting, missing data, bias",
    "27": "Use in care: poor or missing input, skills of users, next steps",
}
#: What each item of REFORMS asks for.
REFORMS = {
    "1a": "Population about which the claim is made",
    "1b": "Reason for choosing that population",
    "1c": "Reason for machine learning",
    "2a": "Data set, with a link or DOI",
    "2b": "Code and its version, with a link or DOI",
    "2c": "Computers and computing time",
    "2d": "README with instructions",
    "2e": "Script that reproduces all results",
    "3a": "Data sources, dates, ground truth",
    "3b": "Sampling frame",
    "3c": "Reasons why the data suit the task",
    "3d": "Outcome variable, with statistics by class",
    "3e": "Number of samples and how they were selected",
    "3f": "Missing data by class",
    "3g": "Whether the data represent the population",
    "4a": "Samples left out, and why",
    "4b": "Impossible or corrupt samples",
    "4c": "Transformations of the raw data",
    "5a": "All models trained",
    "5b": "Reason for these models",
    "5c": "Evaluation method: splits",
    "5d": "Selection of the model",
    "5e": "Tuning of hyperparameters",
    "5f": "Baselines",
    "6a": "Separation of training and test data in all steps",
    "6b": "Dependent samples (from the same subject, copies)",
    "6c": "Legitimacy of each input",
    "7a": "Performance measures and reasons for them",
    "7b": "Uncertainty of the measures",
    "7c": "Statistical tests, and their assumptions",
    "8a": "Evidence of external validity",
    "8b": "Settings in which the findings do not hold",
}


def checklist(
    title: str, source: str, items: Mapping[str, str], known: Mapping[str, str]
) -> Section:
    """Create the section of a checklist with the answers of the run.

    Parameters
    ----------
    title, source : str
        Name of the checklist and its publication.
    items : mapping of str to str
        What each item asks for.
    known : mapping of str to str
        Answers of the run by item. A text that ends with "…" is part of an answer, which the author
        completes. The author answers items that are missing.

    Returns
    -------
    section : Section
        Section with a table of all items.
    """
    rows = {}
    for item, asks in items.items():
        text = known.get(item, "")
        is_part = text.endswith("…")
        status = AUTHOR if not text else f"run, {AUTHOR}" if is_part else "run"
        rows[item] = {"asks for": asks, "answer": text.rstrip("… ") or AUTHOR, "by": status}
    n_known = sum(1 for row in rows.values() if row["by"] == "run")
    n_parts = sum(1 for row in rows.values() if row["by"] == f"run, {AUTHOR}")
    n_open = len(rows) - n_known - n_parts
    text = (
        f"This checklist has {len(rows)} items, paraphrased from {source}. The run answers "
        f"{n_known} of them completely and {n_parts} partly. The author completes the partial "
        f"answers and answers the other {n_open}."
    )
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("item")
    return Section(title, text, tables=[(title, frame)])


def checklists(known: Mapping[str, Mapping[str, str]]) -> list[Section]:
    """Create the sections of both checklists.

    Parameters
    ----------
    known : mapping of str to mapping of str to str
        Answers of "TRIPOD+AI" and "REFORMS" by item.

    Returns
    -------
    sections : list of Section
        One section per checklist.
    """
    return [
        checklist(
            "TRIPOD+AI",
            "Collins et al., BMJ 385 (2024) e078378, doi:10.1136/bmj-2023-078378",
            TRIPOD_AI,
            known["TRIPOD+AI"],
        ),
        checklist(
            "REFORMS",
            "Kapoor et al., Science Advances 10 (2024) eadk3452, doi:10.1126/sciadv.adk3452",
            REFORMS,
            known["REFORMS"],
        ),
    ]
