"""Displays of one recording and of the quality of many."""
