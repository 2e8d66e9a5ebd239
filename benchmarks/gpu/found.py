"""What the steps found, read again: by later steps, for the goals and for the table. Nothing here loads torch."""

from __future__ import annotations

from typing import Any

from .notes import Cell

Results = dict[str, Any]


def cells_of(results: Results, step: str) -> dict[str, Cell]:
    """The cells of a step by name; none where it has not run."""
    return {cell["cell"]: cell for cell in results.get("steps", {}).get(step, {}).get("cells", [])}


def figure(results: Results, step: str, cell: str, name: str) -> float | None:
    """One figure, or None."""
    value = cells_of(results, step).get(cell, {}).get(name)
    return value if isinstance(value, int | float) else None


def highest(results: Results, step: str, name: str, beginning: str = "") -> tuple[str, float] | None:
    """Name and value of the cell whose figure is the highest, among those whose names begin so."""
    cells = {key: cell for key, cell in cells_of(results, step).items() if key.startswith(beginning)}
    values = {key: cell[name] for key, cell in cells.items() if isinstance(cell.get(name), int | float)}
    return max(values.items(), key=lambda pair: pair[1]) if values else None


def fastest_batch(results: Results) -> tuple[int, str] | None:
    """Batch and precision of the training that was the fastest; a step before is asked, so it may be unknown."""
    best = highest(results, "speed", "windows_per_second", "training, batch ")
    if best is None:
        return None
    batch, precision = best[0].removeprefix("training, batch ").split(", ")
    return int(batch), precision


def graph_pays(results: Results, batch: int) -> bool:
    """Whether the graph was faster than plain steps, at that batch or at the nearest that was tried."""
    tried = {int(name.split(",")[0].removeprefix("batch ")) for name in cells_of(results, "variants")}
    if not tried:
        return False
    nearest = min(tried, key=lambda one: abs(one - batch))
    graph, plain = (
        figure(results, "variants", f"batch {nearest}, {name}", "windows_per_second") for name in ("graph", "plain")
    )
    return graph is not None and plain is not None and graph > plain


def goals(results: Results) -> list[tuple[str, float, float | None]]:
    """What was hoped for on one H100: in words, the bar, and what was found (None: not measured)."""
    best = ratio_at(results, non_inferior_batch(results))
    evaluated = figure(results, "speed", "evaluation, as the trainer does it", "ratio")
    idle = [figure(results, "kernels", f"batch 512, {name}", "idle_percent") for name in ("plain", "graph")]
    return [
        ("training at batch 32, times the reference", 3, ratio_at(results, 32)),
        ("training at the best non-inferior batch, times the reference", 15, best),
        ("evaluation, times the reference", 50, evaluated),
        ("three symbols together, times one after the other, batch 32", 2.5, together(results, 32)),
        ("idle at batch 512, percent at most", 10, min((one for one in idle if one is not None), default=None)),
    ]


def ratio_at(results: Results, batch: int) -> float | None:
    """The best ratio to the reference at a batch, whichever way the step was taken."""
    plain = highest(results, "speed", "ratio", f"training, batch {batch}, ")
    variant = highest(results, "variants", "windows_per_second", f"batch {batch}, ")
    reference = figure(results, "speed", "training, reference", "windows_per_second")
    ratios = [plain[1]] if plain else []
    if variant and reference:
        ratios.append(variant[1] / reference)
    return max(ratios, default=None)


def together(results: Results, batch: int) -> float | None:
    """Three symbols side by side, the better way of each, over one after the other."""
    cells = [cell for name, cell in cells_of(results, "together").items() if name.startswith(f"batch {batch},")]
    alone = [cell["one_after_the_other"] for cell in cells if "one_after_the_other" in cell]
    beside = [cell[way] for cell in cells for way in ("three_processes", "three_streams") if way in cell]
    return max(beside) / max(alone) if alone and beside else None


def non_inferior_batch(results: Results) -> int:
    """The biggest batch that learnt as well as the reference; 32, which is the reference's own, where none is known to."""
    cells = cells_of(results, "quality")
    passed = [cell["batch"] for cell in cells.values() if cell.get("non_inferior") is True]
    return max(passed, default=32)
