"""Views of a running diagnosis in a browser on this computer or in the terminal."""
