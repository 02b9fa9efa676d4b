"""From the name of a column back to the feature that it is a value of."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sklearn_emg.feature_extraction._table import feature_table

Facts = dict[str, str]


def feature_facts() -> dict[str, Facts]:
    """Look up ``unit`` and ``domain`` of each feature, by name.

    Returns
    -------
    facts : dict of str to dict
        Of :func:`feature_table`; a name that two families share means the first of them.
    """
    table = feature_table()
    # The first family, as in EMGFeatures.
    table = table.drop_duplicates("name")
    return {
        name: {"unit": unit, "domain": domain}
        for name, unit, domain in zip(table["name"], table["unit"], table["domain"])
    }


def info_of(column: object, known: Mapping[str, Facts]) -> Facts | None:
    """Facts of a column such as ``ch2_band_power_20_50``, whose feature is ``band_power``."""
    base = re.sub(r"^ch\d+_", "", str(column))
    while base:
        if base in known:
            return known[base]
        base = base.rpartition("_")[0]
    return None
