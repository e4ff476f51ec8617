"""By how much answers were later than they should have been, counted in classes of equal width."""

from __future__ import annotations

CLASS_S = 10e-6
CLASSES = 20_000
"""Up to 0.2 s; what is later counts there."""


class Lateness:
    """A histogram: an addition per answer, no list that grows."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._counts = [0] * CLASSES
        self._total_s = 0.0
        self._most_s = 0.0
        self.answers = 0

    def add(self, late_s: float) -> None:
        """Count one answer that was so many seconds late; never less than 0."""
        self._counts[min(int(late_s / CLASS_S), CLASSES - 1)] += 1
        self._total_s += late_s
        self.answers += 1
        if late_s > self._most_s:
            self._most_s = late_s

    def percentile_s(self, share: float) -> float:
        """Return what at least this share of the answers did not exceed: the upper edge of its class; 0 for none."""
        wanted, seen = share * self.answers, 0
        if not self.answers:
            return 0.0
        for index, count in enumerate(self._counts):
            seen += count
            if seen >= wanted:
                return min((index + 1) * CLASS_S, self._most_s)
        return self._most_s

    def figures(self, delay_s: float) -> dict[str, float]:
        """Return by how much answers were held up in all, in milliseconds, where ``delay_s`` was asked for."""
        mean_s = self._total_s / self.answers if self.answers else 0.0
        seconds = {
            "mean": mean_s,
            "p50": self.percentile_s(0.50),
            "p95": self.percentile_s(0.95),
            "p99": self.percentile_s(0.99),
            "max": self._most_s,
        }
        return {f"{name}_ms": round((delay_s + late_s) * 1000, 4) for name, late_s in seconds.items()}
