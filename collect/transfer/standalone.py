"""Check a run that was bundled, and draw its main figures again from the raw requests, without the project behind it.

    python3 verify.py          is every file as it was sealed? Needs nothing but Python 3.8 or newer.
    python3 verify.py --draw   what the raw requests say, against the run's own figures, and a picture (figures.svg).
                               Needs pyarrow: pip install --require-hashes -r requirements.lock

Exit codes: 0 all is right; 1 something is not; 2 it cannot be told.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import json
import math
import statistics
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

SUMS = "SHA256SUMS"
PERCENTILES = {"p50": "0.5", "p95": "0.95", "p99": "0.99"}
CELL, INVALID = "cell", "invalid"
WIDTH, LEFT, RIGHT, ROW, HEAD = 1000, 380, 60, 26, 44
INK, BLUE, ORANGE = "#222", "#0072b2", "#d55e00"

if TYPE_CHECKING:
    Row = dict[str, Any]


class BundleError(Exception):
    """Why it cannot be told, in one line."""


def run_folder(here: Path) -> Path:
    """Return the folder of the run, which lies beside this file."""
    found = sorted(path.parent for path in here.glob(f"*/{SUMS}"))
    if len(found) != 1:
        raise BundleError(f"{len(found)} runs lie beside this file, not one ({here})")
    return found[0]


def differences(folder: Path) -> list[str]:
    """Return what is not as it was sealed, one line each."""
    expected = {}
    for line in (folder / SUMS).read_text(encoding="utf-8", errors="replace").splitlines():
        expected[line[66:]] = line[:64]
    present = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    present.pop(SUMS, None)
    found = [f"{name}: missing" for name in expected if name not in present]
    for name, path in sorted(present.items()):
        if name not in expected:
            found.append(f"{name}: not in {SUMS}")
        elif path.is_symlink() or not path.is_file():
            found.append(f"{name}: not a plain file")
        elif sha256(path) != expected[name]:
            found.append(f"{name}: changed")
    return found


def sha256(path: Path) -> str:
    """Return the sum of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()


def raw_figures(folder: Path) -> dict[str, Row]:
    """Return what the requests of each trial's window say: how many, and the times of right answers, sorted (µs)."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    counts: dict[str, int] = {}
    times: dict[str, list[Any]] = {}
    file = pq.ParquetFile(folder / "requests.parquet")
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=["trial_id", "phase", "outcome", "latency_us"])
        table = table.filter(pc.equal(table.column("phase").cast(pa.string()), "window"))
        ids = table.column("trial_id").cast(pa.string())
        for trial_id in ids.unique().to_pylist():
            rows = table.filter(pc.equal(ids, trial_id))
            right = rows.filter(pc.equal(rows.column("outcome").cast(pa.string()), "ok"))
            counts[trial_id] = counts.get(trial_id, 0) + rows.num_rows
            times.setdefault(trial_id, []).extend(right.column("latency_us").chunks)
    found = {}
    for trial_id, chunks in times.items():
        ordered = pa.chunked_array(chunks, pa.int32()).combine_chunks()
        ordered = ordered.take(pc.sort_indices(ordered))
        figures: Row = {"requests": counts[trial_id], "right": len(ordered)}
        for name, share in PERCENTILES.items():
            # The nearest rank: the smallest time that at least this share does not exceed.
            rank = math.ceil(Fraction(share) * len(ordered))
            figures[f"latency_{name}_ms"] = ordered[rank - 1].as_py() / 1000 if len(ordered) else None
        found[trial_id] = figures
    return found


def trials(folder: Path) -> tuple[list[Row], list[str]]:
    """Return the trials with what their raw requests say, and where that is not what the run says of itself."""
    import pyarrow.parquet as pq

    raw = raw_figures(folder)
    wanted = ("trial_id", "block", "cell", "variant", "workload", "generator", "users", "profile", "kind", "validity")
    told = ("requests", "rps", *(f"latency_{name}_ms" for name in PERCENTILES))
    file = pq.ParquetFile(folder / "trials.parquet")
    names = [name for name in (*wanted, *told, "window_s") if name in file.schema_arrow.names]
    rows, wrong = [], []
    for row in file.read(columns=names).to_pylist():
        found = raw.get(row["trial_id"], {"requests": 0, "right": 0})
        found["rps"] = found["right"] / row["window_s"]
        for name in told:
            if not same(row[name], found.get(name)):
                wrong.append(f"{row['trial_id']}: {name} is {row[name]}, its requests say {found.get(name)}")
        rows.append({**row, **found})
    return rows, wrong


def same(one: Any, other: Any) -> bool:
    """Say whether two figures are the same but for the last digit of a float; nothing is the same as nothing."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-12)


def cells(rows: Sequence[Row]) -> list[Row]:
    """Return each cell over the trials that count: means over them, and its rates one by one and by block."""
    by_cell: dict[str, list[Row]] = {}
    for row in rows:
        if (row.get("kind") or CELL) == CELL and row["validity"] != INVALID:
            by_cell.setdefault(row["cell"], []).append(row)
    found = []
    for name, good in by_cell.items():
        answered = [row for row in good if row["right"]]
        if not answered:
            continue
        cell = {key: good[0][key] for key in ("variant", "workload", "generator", "users", "profile")}
        for key in (f"latency_{name}_ms" for name in PERCENTILES):
            cell[key] = statistics.fmean(row[key] for row in answered)
        rates = [row["rps"] for row in good]
        blocks = {row["block"]: row["rps"] for row in answered}
        found.append({**cell, "cell": name, "rps": statistics.fmean(rates), "rates": rates, "blocks": blocks})
    # What is to be held against each other stands together.
    return sorted(
        found, key=lambda cell: [cell[key] for key in ("profile", "workload", "users", "generator", "variant")]
    )


def ratios(found: Sequence[Row], catalog: Row) -> list[tuple[str, str, float, int]]:
    """Return each asynchronous cell over each synchronous one that differs in the variant alone: names, ratio, blocks.

    The ratio is the geometric mean of those of the blocks that hold both. Whether it counts is said in the report.
    """
    told = []
    for top in found:
        for bottom in found:
            alike = all(top[key] == bottom[key] for key in ("workload", "generator", "users", "profile"))
            one, other = (catalog["variants"][cell["variant"]] for cell in (top, bottom))
            styles = [catalog["frameworks"][each["framework"]]["style"] for each in (one, other)]
            blocks = sorted(set(top["blocks"]) & set(bottom["blocks"]))
            pythons = [each.get("python", "article") for each in (one, other)]
            if alike and styles == ["async", "sync"] and pythons[0] == pythons[1] and blocks:
                logs = [math.log(top["blocks"][block] / bottom["blocks"][block]) for block in blocks]
                told.append((top["cell"], bottom["cell"], math.exp(statistics.fmean(logs)), len(blocks)))
    return told


def picture(found: Sequence[Row], title: str) -> str:
    """Return an SVG: each cell's rate, with its trials as dots, and its latencies from median to 99th percentile."""
    fastest = max(max(cell["rates"]) for cell in found)
    panels = [_panel(found, "Requests per second: mean, and each trial", HEAD, _bar, fastest)]
    second = HEAD + ROW * (len(found) + 3)
    most = max(cell["latency_p99_ms"] for cell in found)
    panels.append(_panel(found, "Latency in ms: median to 99th percentile, the dot is the 95th", second, _range, most))
    height = second + ROW * (len(found) + 2)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"'
        ' font-size="13"><rect width="100%" height="100%" fill="#fff"/>'
        f"{_text(10, 20, title, 'bold')}{''.join(panels)}</svg>\n"
    )


def _panel(found: Sequence[Row], title: str, top: int, draw: Any, most: float) -> str:
    scale = (WIDTH - LEFT - RIGHT) / most if most else 1.0
    parts = [_text(10, top + 14, title, "bold")]
    for index, cell in enumerate(found):
        y = top + ROW * (index + 1) + ROW // 2
        parts.append(_text(10, y + 4, cell["cell"][:60]))
        parts.append(draw(cell, y, scale))
    return "".join(parts)


def _bar(cell: Row, y: int, scale: float) -> str:
    end = LEFT + cell["rps"] * scale
    dots = "".join(_dot(LEFT + rate * scale, y, ORANGE) for rate in cell["rates"])
    bar = f'<rect x="{LEFT}" y="{y - 7}" width="{end - LEFT:.1f}" height="14" fill="{BLUE}"/>'
    return bar + dots + _text(WIDTH - RIGHT + 4, y + 4, f"{cell['rps']:,.0f}")


def _range(cell: Row, y: int, scale: float) -> str:
    low, middle, high = (LEFT + cell[f"latency_{name}_ms"] * scale for name in ("p50", "p95", "p99"))
    line = f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke="{BLUE}" stroke-width="6"/>'
    return line + _dot(middle, y, ORANGE) + _text(WIDTH - RIGHT + 4, y + 4, f"{cell['latency_p95_ms']:,.3g}")


def _dot(x: float, y: int, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y}" r="3" fill="{colour}" stroke="{INK}" stroke-width="0.5"/>'


def _text(x: int, y: int, text: str, weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" fill="{INK}" font-weight="{weight}">{html.escape(plain(text))}</text>'


def plain(text: str) -> str:
    """Return a text in one line that cannot reach a terminal's controls."""
    return "".join(character if character.isprintable() else " " for character in text)


def say(text: str) -> None:
    """Print one line."""
    sys.stdout.write(plain(text) + "\n")


def draw(folder: Path, output: Path) -> int:
    """Tell the run's figures as its raw requests have them, and write the picture; return the exit code."""
    rows, wrong = trials(folder)
    found = cells(rows)
    for cell in found:
        latencies = ", ".join(f"{name} {cell[f'latency_{name}_ms']:.3f} ms" for name in PERCENTILES)
        say(f"{cell['cell']}: {cell['rps']:.2f} requests/s over {len(cell['rates'])} trials, {latencies}")
    catalog = json.loads((folder / "manifest.json").read_bytes())["catalog"]
    for top, bottom, ratio, blocks in ratios(found, catalog):
        say(f"{top} / {bottom}: {ratio:.3f} over {blocks} blocks")
    if found:
        output.write_text(picture(found, f"Run {folder.name}, drawn from its raw requests"), encoding="utf-8")
        say(f"picture: {output}")
    for line in wrong:
        say(line)
    verdict = "not all figures hold" if wrong else "their figures are what their requests say"
    say(f"{len(rows)} trials: {verdict}")
    return 1 if wrong else 0


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; return the exit code."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", action="store_true", help="figures and a picture from the raw requests, too")
    parser.add_argument("-o", "--output", type=Path, default=here / "figures.svg", help="where the picture goes")
    chosen = parser.parse_args(arguments)
    try:
        folder = run_folder(here)
        found = differences(folder)
        for line in found:
            say(line)
        say(f"{folder.name}: " + ("not as it was sealed" if found else "every file is as it was sealed"))
        if found or not chosen.draw:
            return 1 if found else 0
        return draw(folder, chosen.output)
    except ImportError:
        problem = "pyarrow is not there: pip install --require-hashes -r requirements.lock"
    except (BundleError, OSError, ValueError, KeyError) as error:
        problem = str(error)
    sys.stderr.write(f"error: {plain(problem)}\n")
    return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
