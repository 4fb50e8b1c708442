"""A comparison as a table, for the console and in Markdown."""

from rich import box
from rich.table import Table

from training.comparison import Comparison, Row, Spread


def table(comparison: Comparison) -> Table:
    """Lay out the rows for a console."""
    result = Table(
        box=box.SIMPLE,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption=_caption(comparison),
        caption_justify="left",
    )
    rows = [_cells(row, comparison.names) for row in comparison.rows]
    for column, name in enumerate(rows[0]):
        result.add_column(name, justify="right" if column else "left", no_wrap=not column)
    for row in rows:
        # Two short lines instead of a long one: the table fits into 80 columns.
        result.add_row(*(cell.replace(" (", "\n").rstrip(")") for cell in row.values()))
    return result


def markdown(comparison: Comparison) -> str:
    """Write the rows as a page."""
    rows = [_cells(row, comparison.names) for row in comparison.rows]
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"# Objectives compared\n\n{body}\n\n{_caption(comparison)}\n"


def _cells(row: Row, names: tuple[str, str]) -> dict[str, str]:
    a, b = names
    return {
        "objective": row.objective,
        "rate": f"{row.learning_rate:g}",
        "pictures": str(row.pictures_per_step),
        f"to {b}": _spread(row.to_b),
        f"to {a}": _spread(row.to_a),
        "and back": _spread(row.again),
        "failed": f"{row.failed} of {row.trials}" if row.failed else "no",
        "s/step": f"{row.seconds_per_step:.2g}",
    }


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "–"
    return f"{spread.mean:.2f} ({spread.least:.2f}–{spread.greatest:.2f})"


def _caption(comparison: Comparison) -> str:
    (a, b), (blind_b, blind_a) = comparison.names, comparison.blind
    return (
        f"Mean (least–greatest) of {len(comparison.seeds)} seeds, {comparison.steps:,} steps of "
        "the generators each. Errors are to the true counterparts of "
        f"{comparison.pairs} held-out pictures, as a share of that of the untranslated picture: "
        "0 is perfect, 1 is nothing done; the mean picture of a domain, whatever is asked, has "
        f"{blind_b:.2f} to {b} and {blind_a:.2f} to {a}. Pictures are those of each domain that a "
        "step takes."
    )
