"""Learning after ``fit``: steps of a chain one by one, and new rows of DiVote."""
