"""Entry point of ``python -m sklearn_emg``, which runs the command ``sklearn-emg``."""

import sys

from sklearn_emg._command import main

if __name__ == "__main__":
    sys.exit(main())
