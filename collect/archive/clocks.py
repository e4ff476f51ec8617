"""Time on one axis: each host's clock set against the server host's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Clock:
    """A host's clock minus the control node's at some moments of the control node, in seconds.

    Between two measurements the offset is interpolated, outside them the nearest one holds.
    """

    at: tuple[float, ...]
    offsets: tuple[float, ...]
    uncertainty_s: float

    @classmethod
    def of(cls, measurements: Sequence[Mapping[str, float]]) -> Clock:
        """Take measurements as collect.trial.clock makes them; none at all means one clock for both."""
        points = sorted((m["measured_unix_s"], m["offset_s"], m["uncertainty_s"]) for m in measurements) or [(0, 0, 0)]
        return cls(tuple(p[0] for p in points), tuple(p[1] for p in points), max(p[2] for p in points))

    @overload
    def offset(self, t: float) -> float: ...
    @overload
    def offset(self, t: NDArray[np.float64]) -> NDArray[np.float64]: ...
    def offset(self, t: Any) -> Any:
        """Return the offset at ``t`` (unix seconds; which of the clocks shows it makes no difference that counts)."""
        import numpy as np

        return np.interp(t, self.at, self.offsets)

    def to(self, other: Clock, t: Any) -> Any:
        """Return what ``other`` shows when this clock shows ``t``."""
        return t - self.offset(t) + other.offset(t)

    def as_json(self) -> dict[str, Any]:
        """Return the measurements as the manifest keeps them."""
        return {"at_unix_s": list(self.at), "offset_s": list(self.offsets), "uncertainty_s": self.uncertainty_s}
