"""A composition as plain data, for ``--json`` and for whoever makes sentences of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from collect.designs.composition import Composition, Factorial
from collect.designs.effects import Effect
from collect.designs.estimates import LogEstimate
from collect.designs.ladder import Ladder, Step
from collect.designs.model import SIDES, Setting
from collect.designs.shapley import Share


def composition_data(made: Composition) -> dict[str, Any]:
    """Return all parts with their intervals and marks. Ratios are ``value``, ``low``, ``high``; ``log`` is natural."""
    design = made.design
    data = {
        **{key: value for key, value in design.to_json().items() if key != "rows"},
        "settings": len(design.rows),
        "cells": sum(len(design.cells(side)) for side in SIDES),
        "blocks": len(made.blocks),
        "dropped_blocks": list(made.dropped),
        "why": made.why,
        "held": dict(made.held),
    }
    if made.ladder:
        return data | _ladder(made, made.ladder)
    return data | (_factorial(made, made.factorial) if made.factorial else {})


def percent(part: LogEstimate, whole: LogEstimate) -> float | None:
    """Return a part of the log ratio in per cent of the whole; None where the whole cannot be told from 1."""
    return 100 * part.log / whole.log if whole.leaves_out_none else None


def term_name(term: Sequence[Sequence[str]]) -> str:
    """Return what an effect is of, all that no run can tell apart named together."""
    return " = ".join(" x ".join(product) for product in term)


def _ends(made: Composition, whole: LogEstimate, left: LogEstimate) -> dict[str, Any]:
    """Return the ratio measured the article's way and the one on equal terms, with what held back their cells."""
    found = {}
    for name, estimate, setting in (("whole", whole, frozenset[str]()), ("left", left, made.design.all)):
        rows = [row for row in made.design.rows if row.equal == setting]
        marks = made.marks(cell for row in rows for cell in row.cells.values())
        found[name] = estimate.to_json() | {"marked": bool(marks), "marks": [asdict(mark) for mark in marks]}
    found["left"]["percent"] = percent(left, whole)
    return found


def _ladder(made: Composition, ladder: Ladder) -> dict[str, Any]:
    return {
        **_ends(made, ladder.whole, ladder.left),
        "orders": {name: list(made.design.orders[name]) for name in ladder.orders},
        "steps": {name: [_step(made, ladder, step) for step in steps] for name, steps in ladder.orders.items()},
        "both": [
            {
                "factor": factor,
                **part.to_json(),
                "percent": percent(part, ladder.whole),
                "marked": any(
                    step.factor == factor and made.marks(step.cells)
                    for steps in ladder.orders.values()
                    for step in steps
                ),
            }
            for factor, part in ladder.both.items()
        ],
        "product_error": {name: ladder.product_error(name) for name in ladder.orders},
    }


def _step(made: Composition, ladder: Ladder, step: Step) -> dict[str, Any]:
    marks = made.marks(step.cells)
    return {
        "factor": step.factor,
        "title": made.design.factor(step.factor).title,
        "before": _listed(made, step.before),
        "after": _listed(made, step.after),
        **step.part.to_json(),
        "percent": percent(step.part, ladder.whole),
        "running": math.exp(step.running),
        "cells": list(step.cells),
        "marked": bool(marks),
        "marks": [asdict(mark) for mark in marks],
    }


def _listed(made: Composition, setting: Setting) -> list[str]:
    return sorted(setting, key=made.design.names.index)


def _factorial(made: Composition, found: Factorial) -> dict[str, Any]:
    return {
        **_ends(made, found.whole, found.left),
        "blocks": found.whole.blocks,
        "removed": found.removed.to_json(),
        "measured": {name: estimate.to_json() for name, estimate in found.measured.items()},
        "effects": {
            name: [_effect(made, effect, SIDES if name == "ratio" else (name,)) for effect in effects]
            for name, effects in found.effects.items()
        },
        "shares": [
            {
                "factor": share.factor,
                "title": made.design.factor(share.factor).title,
                **_share(share),
                "percent": percent(share.estimate, found.whole),
                **_marked(made, (share.factor,), SIDES),
            }
            for share in found.shares
        ],
        "sum_error": found.sum_error,
        "lack_of_fit_p": {side: fit.lack_of_fit_p for side, fit in found.fits.items()},
    }


def _share(share: Share) -> dict[str, Any]:
    """Return a share with the interval that counts, and beside it the model's."""
    return share.shown.to_json() | {
        "bootstrap": share.bootstrap and [math.exp(log) for log in share.bootstrap],
        "model_low": share.estimate.low,
        "model_high": share.estimate.high,
    }


def _effect(made: Composition, effect: Effect, sides: Sequence[str]) -> dict[str, Any]:
    return {
        "term": [list(product) for product in effect.term],
        "name": term_name(effect.term),
        **effect.estimate.to_json(),
        **_marked(made, effect.term[0], sides),
    }


def _marked(made: Composition, names: Iterable[str], sides: Sequence[str]) -> dict[str, Any]:
    marks = made.level_marks(names, sides)
    return {"marked": any(held for held, _ in marks.values()), "held": {level: list(of) for level, of in marks.items()}}
