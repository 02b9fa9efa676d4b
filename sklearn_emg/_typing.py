"""Types that several modules share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import pandas as pd
from numpy.typing import ArrayLike, NDArray

# One value per row, such as labels or subjects. To a type checker, an ArrayLike has no length.
Labels: TypeAlias = "Sequence[Any] | NDArray[Any] | pd.Series[Any] | pd.Index[Any]"

# Input of networks: windows, signals of any length, or a recording table.
Signals: TypeAlias = "ArrayLike | Sequence[NDArray[Any]] | pd.DataFrame"
