"""An evaluation as a table, for the console and in Markdown."""

from collections.abc import Sequence
from statistics import mean

from rich import box
from rich.table import Table

from evaluation.measures import (
    CounterpartErrors,
    Distance,
    DomainScore,
    Evaluation,
    Measures,
)


def table(evaluation: Evaluation) -> Table:
    """Lay out the measures for a console, a column for each translation."""
    result = Table(
        box=box.SIMPLE, show_edge=False, pad_edge=False, caption=_caption(evaluation),
        caption_justify="left",
    )  # fmt: skip
    head, *rows = _rows(evaluation)
    for place, name in enumerate(head):
        result.add_column(name, justify="right" if place else "left")
    for row in rows:
        result.add_row(*row)
    return result


def markdown(evaluation: Evaluation) -> str:
    """Write the measures as a page."""
    head, *rows = _rows(evaluation)
    lines = [head, ["---"] * len(head), *rows]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"# Evaluation\n\n{body}\n\n{_caption(evaluation)}\n"


def _rows(evaluation: Evaluation) -> list[list[str]]:
    columns = [_cells(measures) for measures in evaluation.measures]
    head = ["", *(measures.translation for measures in evaluation.measures)]
    return [head, *([name, *(column[name] for column in columns)] for name in columns[0])]


def _cells(measures: Measures) -> dict[str, str]:
    cells = {
        f"sliced Wasserstein, {side} px": _distance(distance, ".1f")
        for side, distance in measures.sliced_wasserstein.items()
    }
    cells["FID"] = _distance(measures.fid, ".1f")
    cells["KID × 100"] = _distance(measures.kid, ".2f", 100)
    cells["taken for the target"] = _taken(measures.domain_scores)
    cells["of the classifiers' accuracy"] = _shares(
        [each.relative for each in measures.domain_scores]
    )
    cells["edges kept"] = f"{measures.edge_correlation:.2f}"
    cells["error there and back"] = f"{measures.cycle_error:.3f}"
    cells["light and dark inverted"] = f"{measures.inversion_rate:.0%}"
    cells["diversity"] = f"{measures.diversity:.2f}"
    if measures.counterpart:
        cells |= _counterpart(measures.counterpart)
    cells["pictures"] = f"{measures.pictures}, distances of {measures.compared}"
    return cells


def _taken(scores: Sequence[DomainScore]) -> str:
    made, nothing, real = (
        mean(of_kind)
        for of_kind in zip(*((s.translated, s.untranslated, s.real) for s in scores), strict=True)
    )
    return f"{made:.2f} ({nothing:.2f} untranslated, {real:.2f} real)"


def _shares(shares: Sequence[float]) -> str:
    return f"{mean(shares):.0%} ({min(shares):.0%} to {max(shares):.0%})"


def _counterpart(errors: CounterpartErrors) -> dict[str, str]:
    made, nothing = errors.translated, errors.untranslated
    labels = "no labels"
    if made.label_accuracy is not None and nothing.label_accuracy is not None:
        labels = (
            f"{made.label_accuracy:.1%} of {errors.labels} labels "
            f"({nothing.label_accuracy:.1%} untranslated)"
        )
    return {
        "error to the counterpart": f"{made.l1:.3f} ({nothing.l1:.3f} untranslated)",
        "SSIM with the counterpart": f"{made.ssim:.3f} ({nothing.ssim:.3f} untranslated)",
        "labels that are right": labels,
    }


def _distance(distance: Distance | None, form: str, times: float = 1) -> str:
    if distance is None:
        return "not measured"
    made, floor, nothing = (
        format(times * value, form)
        for value in (distance.translated, distance.floor, distance.untranslated)
    )
    return f"{made} ({floor} to {nothing}): {_told(distance)}"


def _told(distance: Distance) -> str:
    if distance.excess is not None:
        return f"excess {distance.excess:.2f}"
    if distance.floor <= 0:  # as an estimate without bias, KID may be
        return "no difference to bridge"
    return f"{distance.translated / distance.floor:.1f} times the floor"


def _caption(evaluation: Evaluation) -> str:
    protocol = evaluation.protocol
    classifiers = len(evaluation.measures[0].domain_scores)
    counts = ", ".join(f"{n} of {name}" for name, n in protocol.reference_pictures.items())
    return (
        f"Distances are to real training pictures of the target ({counts}); in brackets those of "
        "its own test pictures, the floor, and of the untranslated ones, and excess is where "
        "between these the translated ones are: 0 is real, 1 nothing done. Where the untranslated "
        "ones are hardly farther than the floor, it is told how many times the floor they are. "
        f"What is taken for the target is the mean of {classifiers} classifiers, and of their "
        "accuracy the mean, the least and the greatest. "
        f"Pictures of {protocol.side} px ({protocol.resize}), {protocol.patches:,} patches of each "
        f"set, seed {protocol.seed}, {protocol.engine}."
    )
