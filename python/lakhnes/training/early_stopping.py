"""Early stopping: the end of a run whose validation loss does not improve."""

from __future__ import annotations

__all__ = ["EarlyStopping"]


class EarlyStopping:
    """Counts the evaluations since the best one.

    Parameters
    ----------
    patience : int
        Evaluations without a better score after which the run ends; 0 for never.

    Attributes
    ----------
    best : float
        The lowest loss, in nats a token; infinite before the first evaluation.
    waited : int
        Evaluations since.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best, self.waited = float("inf"), 0

    def update(self, loss: float) -> bool:
        """Note the loss of an evaluation; return whether it is the best."""
        if loss < self.best:
            self.best, self.waited = loss, 0
            return True
        self.waited += 1
        return False

    @property
    def exhausted(self) -> bool:
        """Whether the run should end."""
        return 0 < self.patience <= self.waited
