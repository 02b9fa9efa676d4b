"""Networks, each in its own file, with their layers, settings and attention maps.

A network whose ``forward`` takes signals padded to one length together with their ``lengths``
declares ``takes_any_length = True``. A network with attention over time returns the attention
weights from ``attention_maps(x)``.
"""
