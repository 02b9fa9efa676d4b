"""Options that kernels have in common; without numba."""

from __future__ import annotations

from typing import Any

__all__ = ["BLOCK", "FAST", "INLINE"]

#: Number of samples that are summed in the type of the window before the sum continues in float64.
#: Float32 windows thus keep the speed of float32 without loss of digits in long windows.
BLOCK = 512
#: The compiler may reorder sums into vector lanes; NaN and infinity are treated correctly.
FAST = {"reassoc", "contract", "nsz"}
#: Calls count references and would take as long as the samples of a short window: inline them.
INLINE: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "forceinline": True,
    "fastmath": FAST,
    "error_model": "numpy",
}
