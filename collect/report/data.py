"""What a run says as plain data, for ``--json``: no ratio without both verdicts and whether it is comparable."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from collect.findings.page import findings, findings_data
from collect.report.ceilings import ceilings
from collect.report.comparison import comparisons, headline, lead
from collect.report.costs import Measured
from collect.report.extras import extras
from collect.report.figures import CellFigures, RatioFigures, RunFigures
from collect.report.notices import notices, probes
from collect.report.setup import setup
from collect.report.table import ArticleTable, article_table
from collect.report.variants import rankings, renewals
from collect.report.words import doubt, low_rate


def run_data(figures: RunFigures) -> dict[str, Any]:
    """Return all figures of a run but its trials' rows."""
    table, own = article_table(figures), extras(figures)
    return {
        "headline": headline(figures),
        "lead": lead(figures),
        "findings": findings_data(findings(figures, own)),
        "table": table and table_data(table),
        "variants": [
            {
                "workload": ranking.workload,
                "title": ranking.title,
                "rows": [measured_data(row) for row in ranking.rows],
                "best": [ratio_data(ratio) for pairs in ranking.pairs for ratio in pairs.best],
            }
            for ranking in rankings(figures)
        ],
        "pythons": [
            {**ratio_data(each.ratio), "rows": [measured_data(side) for side in (each.modern, each.article)]}
            for each in renewals(figures)
        ],
        **{extra.name: extra.data for extra in own},
        "setup": [asdict(difference) for difference in setup(figures)],
        "comparisons": [
            {
                "workload": told.workload,
                "article": {
                    "top_rps": told.top.article_rps,
                    "bottom_rps": told.bottom.article_rps,
                    "ratio": told.article,
                    "ratio_by_text": told.article_text,
                    "limits": {"top": None, "bottom": None},
                },
                "article_way": told.its_way and ratio_data(told.its_way),
                "controlled": told.controlled and ratio_data(told.controlled),
            }
            for told in comparisons(figures)
        ],
        "cells": [asdict(cell) for cell in figures.cells],
        "ratios": [ratio_data(ratio) for ratio in figures.ratios],
        "locust_wrk": [ratio_data(ratio) | {"flag": low_rate(ratio)} for ratio in figures.tools],
        "ceilings": [
            {
                "resource": item.resource,
                "name": item.name,
                "unit": item.unit,
                "value": item.value,
                "missing": item.missing,
                "limited_by": item.limited_by,
                "reached": [
                    {"cell": reached.cell.name, "rate": reached.rate, "share": reached.share, **limit(reached.cell)}
                    for reached in item.reached
                ],
            }
            for item in ceilings(figures)
        ],
        "probes": [asdict(probe) for probe in probes(figures)],
        "warnings": [asdict(notice) for notice in notices(figures)],
    }


def table_data(table: ArticleTable) -> dict[str, Any]:
    """Return the article's table against ours."""
    return {
        "sentence": table.sentence,
        "notes": list(table.notes),
        "workloads": [
            {
                "workload": workload,
                "rows": [
                    {
                        "framework": row.framework,
                        "article": row.article and asdict(row.article),
                        "ways": {way: measured_data(each) for way, each in row.ways.items()},
                    }
                    for row in rows
                ],
                "ratios": [
                    {
                        "top": ratio.top,
                        "bottom": ratio.bottom,
                        "article": ratio.article,
                        "article_text": ratio.article_text,
                        "ways": {way: ratio_data(each) for way, each in ratio.ways.items()},
                    }
                    for ratio in ratios
                ],
            }
            for workload, rows, ratios in table.workloads
        ],
    }


def measured_data(each: Measured) -> dict[str, Any]:
    """Return a cell as tables show it: its rate, whose limit that is, what it cost, and its trials."""
    return {
        "cell": each.cell.name,
        "rps": each.cell.rps and asdict(each.cell.rps),
        "whose": each.whose.kind,
        "part": each.whose.part,
        "app_cpu_s_per_1000": each.app_cpu_s,
        "server_cpu_s_per_1000": each.server_cpu_s,
        "app_cpu": each.app_cpu and asdict(each.app_cpu),
        "server_cpu": each.server_cpu and asdict(each.server_cpu),
        "memory": each.memory and asdict(each.memory),
        "latency": {name: asdict(found) for name, found in each.cell.outcomes.items() if name.startswith("latency_")},
        "trials": list(each.trials),
        **limit(each.cell),
    }


def ratio_data(ratio: RatioFigures) -> dict[str, Any]:
    """Return a ratio with what limited both of its sides."""
    return {
        "comparable": ratio.comparable,
        "why": ratio.why,
        "ratio": ratio.ratio and asdict(ratio.ratio),
        "doubt": doubt(ratio.ratio),
        "cpu": ratio.cpu and asdict(ratio.cpu),
        "cpu_narrower": ratio.cpu_narrower,
        "top": {"cell": ratio.top.name, "variant": ratio.top.variant, **limit(ratio.top)},
        "bottom": {"cell": ratio.bottom.name, "variant": ratio.bottom.variant, **limit(ratio.bottom)},
        "article": ratio.article,
        "article_text": ratio.article_text,
    }


def limit(cell: CellFigures) -> dict[str, Any]:
    """Return what limited a cell."""
    verdict = cell.verdict
    return {
        "limited_by": verdict.word,
        "confidence": verdict.confidence,
        "verdict": verdict.outcome,
        "verdict_why": verdict.why,
        "firsts": dict(verdict.firsts),
        "evidence": verdict.evidence,
    }
