"""The networks, one file each: their layers, their settings and where they attend.

A network whose ``forward`` takes signals padded to one length together with their ``lengths`` says
so by ``takes_any_length``; one that attends over time gives its weights by ``attention_maps(x)``.
"""
