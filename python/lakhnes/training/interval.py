"""What is done every few minutes of training."""

from __future__ import annotations

__all__ = ["Interval"]


class Interval:
    """Says when a number of minutes has passed since it last did.

    Parameters
    ----------
    minutes : float
    now : float
        Seconds of training at the beginning.
    """

    def __init__(self, minutes: float, now: float) -> None:
        self.seconds, self.last = 60.0 * minutes, now

    def is_over(self, now: float) -> bool:
        """Return whether the interval is over; the next one begins then."""
        if now - self.last < self.seconds:
            return False
        self.last = now
        return True
