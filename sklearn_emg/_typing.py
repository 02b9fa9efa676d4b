"""Types that several modules share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import pandas as pd
from numpy.typing import NDArray

__all__ = ["Labels"]

# One value per row: labels, subjects, groups. An ArrayLike has no length for a type checker.
Labels: TypeAlias = "Sequence[Any] | NDArray[Any] | pd.Series[Any] | pd.Index[Any]"
