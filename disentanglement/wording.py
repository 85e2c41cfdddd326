"""Numbers and quantities in messages."""

import math


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return e.g. "1 run" or "3,000 runs".

    Args:
        count: How many there are.
        noun: What they are.
        plural: The noun's plural, if it does not end in a mere s.
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def duration(seconds: float) -> str:
    """Return a rough time, e.g. "50 min", "24 h" or "3.5 days"."""
    if seconds < 90 * 60:
        return f"{max(1, math.ceil(seconds / 60))} min"
    hours = seconds / 3600
    if hours < 48:
        return f"{hours:.0f} h" if hours >= 9.95 else f"{hours:.1f} h"
    return f"{hours / 24:.0f} days" if hours >= 238 else f"{hours / 24:.1f} days"


def size(count: float) -> str:
    """Return a number of bytes, rounded up, e.g. "92 MB", "3.1 GB" or "35 GB"."""
    if count <= 99e6:
        return f"{math.ceil(count / 1e6)} MB"
    if count <= 9.9e9:
        return f"{math.ceil(count / 1e8) / 10:.1f} GB"
    return f"{math.ceil(count / 1e9)} GB"
