"""Options that kernels have in common; this module does not import numba."""

from __future__ import annotations

from typing import Any

#: Number of samples that are summed in the type of the window before they are added to a float64
#: sum. Float32 windows thus keep the speed of float32 without loss of precision in long windows.
BLOCK = 512
#: The compiler may reorder sums into vector lanes; NaN and infinity are treated correctly.
FAST = {"reassoc", "contract", "nsz"}
#: Function calls count references, which would take as long as the computations on a short window.
#: Functions are therefore inlined.
INLINE: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "forceinline": True,
    "fastmath": FAST,
    "error_model": "numpy",
}
