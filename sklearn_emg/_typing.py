"""Types that several modules share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import pandas as pd
from numpy.typing import ArrayLike, NDArray

__all__ = ["Labels", "Signals"]

# One value per row: labels, subjects, groups. An ArrayLike has no length for a type checker.
Labels: TypeAlias = "Sequence[Any] | NDArray[Any] | pd.Series[Any] | pd.Index[Any]"

# What networks take: windows, signals of any length, or a recording table.
Signals: TypeAlias = "ArrayLike | Sequence[NDArray[Any]] | pd.DataFrame"
