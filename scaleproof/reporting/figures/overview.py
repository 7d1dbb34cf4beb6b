"""All verdicts at a glance: a square a claim, a row a family, told by colour and by sign."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from scaleproof.reporting.record import Result

#: verdict -> colour (Okabe and Ito) and sign, for grey paper and the colour-blind
LOOKS = {
    "proved": ("#009e73", "✓"),
    "confirmed": ("#56b4e9", "≈"),
    "qualified": ("#e69f00", "(✓)"),
    "corrected": ("#cc79a7", "≠"),
    "refuted": ("#d55e00", "✗"),
    "inconclusive": ("#c8c8c8", "?"),
    "error": ("#000000", "!"),
}
CAPTION = (
    "All verdicts, a row a family: ✓ proved, ≈ confirmed, (✓) qualified, ≠ corrected, ✗ refuted, ? inconclusive; "
    "a frame marks one that is not as recorded."
)


def paint(results: Sequence[Result], canvas: Any) -> bool:
    """Draws the squares; False where there is nothing to compare."""
    from matplotlib.patches import Rectangle

    families = list(dict.fromkeys(r.family for r in results))
    if len(results) < 2:
        return False
    longest = max(sum(r.family == f for r in results) for f in families)
    canvas.set_size_inches(7.2, 0.42 + 0.46 * len(families))
    axes = canvas.subplots()
    axes.set(xlim=(-0.02, max(8, longest)), ylim=(len(families) + 0.55, 0))
    axes.axis("off")
    for row, family in enumerate(families):
        axes.text(-0.1, row + 0.48, family, ha="right", va="center", fontsize=8)
        for column, r in enumerate(r for r in results if r.family == family):
            colour, sign = LOOKS[r.verdict]
            edge = {"edgecolor": "none"} if r.expected else {"edgecolor": "#000000", "linewidth": 2}
            axes.add_patch(Rectangle((column + 0.03, row + 0.05), 0.94, 0.88, facecolor=colour, **edge))
            ink = "#ffffff" if r.verdict == "error" else "#000000"
            axes.text(column + 0.5, row + 0.29, sign, ha="center", va="center", fontsize=9, color=ink)
            axes.text(column + 0.5, row + 0.68, _short(r.id), ha="center", va="center", fontsize=4.6, color=ink)
    count: Counter[str] = Counter(r.verdict for r in results)
    words = "    ".join(f"{sign} {count[v]} {v}" for v, (_, sign) in LOOKS.items() if count[v])
    axes.text(0, len(families) + 0.35, words, ha="left", va="center", fontsize=8)
    return True


def _short(claim: str) -> str:
    """The name without its family, in lines of up to twelve characters."""
    lines = [""]
    for word in claim.split(".", 1)[1].split("-"):
        joined = f"{lines[-1]}-{word}" if lines[-1] else word
        if len(joined) <= 12:
            lines[-1] = joined
        else:
            lines[-1] += "-" if lines[-1] else ""
            lines.append(word)
    return "\n".join(line for line in lines if line)
