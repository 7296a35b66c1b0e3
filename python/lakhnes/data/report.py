"""What the reports of all conversions have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

__all__ = ["Report"]


class Report:
    """The report of a conversion, a dataclass: how much music it gave, and all else as facts."""

    seconds: Mapping[str, float]
    """Length of all songs of each split."""
    failed: list[tuple[str, str]]
    """What could not be read, and why."""

    @property
    def hours(self) -> float:
        """Length of all songs in hours."""
        return sum(self.seconds.values()) / 3600

    def facts(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        report: Any = self
        names = [field.name for field in dataclasses.fields(report) if field.name != "seconds"]
        facts = {name: getattr(self, name) for name in names}
        failed = [{"path": path, "error": error} for path, error in self.failed]
        return facts | {"hours": self.hours, "failed": failed}
