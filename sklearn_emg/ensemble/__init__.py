"""From windows to people."""

from sklearn_emg.ensemble._divote import DiVoteClassifier, Votes, find_votes

__all__ = ["DiVoteClassifier", "Votes", "find_votes"]
