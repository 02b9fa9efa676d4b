"""Views of a running diagnosis: a page on this computer, and the terminal."""
