"""The networks, one file each, with their layers, settings and attention maps.

A network whose ``forward`` takes signals padded to one length together with their ``lengths``
declares ``takes_any_length = True``; one with attention over time returns its weights from
``attention_maps(x)``.
"""
