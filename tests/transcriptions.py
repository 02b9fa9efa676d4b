"""Plain transcriptions of published definitions that several tests compare with."""


def turning_points(x, threshold):
    """Extrema that differ by at least the threshold, with the one before the first turn."""
    points, low, high, direction = [], x[0], x[0], 0
    for v in x:
        low, high = min(low, v), max(high, v)
        if direction >= 0 and high - v >= threshold:
            points.append(high)
            direction, low, high = -1, v, v
        elif direction <= 0 and v - low >= threshold:
            points.append(low)
            direction, low, high = 1, v, v
    return points
