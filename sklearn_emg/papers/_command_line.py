"""The command line of this sub-package as a function, for use by other commands."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["run_command"]


def run_command(argv: Sequence[str] | None = None) -> int:
    """Run the command line of ``python -m sklearn_emg.papers``.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments, such as ``["benchmark", "--data", "simulated", "--out", "results"]``; by default,
        the arguments of the process.

    Returns
    -------
    status : int
        0, 1 if the reader of the output has closed it, 2 if the arguments or the data cannot be
        used, or 130 after an interrupt.

    Raises
    ------
    SystemExit
        If the arguments cannot be parsed, or ask for help.

    Examples
    --------
    >>> from sklearn_emg.papers import run_command
    >>> run_command(["benchmark", "--data", "nothing", "--out", "results"])
    2
    """
    from sklearn_emg.papers.__main__ import main

    return main(argv)
