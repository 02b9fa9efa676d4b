"""Learning after ``fit``: access to steps of a pipeline, and updates of DiVote with new rows."""
