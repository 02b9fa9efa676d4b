"""Text exports with one row per sample.

``_layout`` finds the rows of numbers, ``_header`` reads the lines before them, ``_dialects``
recognises exports with a format of their own, and ``_columns`` converts the columns to channels.
"""

from sklearn_emg.io._text._columns import content_of_frame, parse_text
from sklearn_emg.io._text._layout import MAX_BYTES, decode_text

__all__ = ["MAX_BYTES", "content_of_frame", "decode_text", "parse_text"]
