"""The colours of the service's own page and of all its pictures: one for each target."""

from __future__ import annotations

TARGETS = {"wip": "#1d4ed8", "throughput": "#c2410c", "cycle_time": "#15803d"}
# On a dark ground, with the same hues.
TARGETS_ON_DARK = {"wip": "#7aa2f7", "throughput": "#f0883e", "cycle_time": "#5bb974"}
ACTUAL, REFERENCE = "#334155", "#64748b"  # true values; what a forecast is held against
ALERT = "#b3261e"  # what needs attention
# Several of a kind in one picture: plans, orders.
SERIES = (*TARGETS.values(), "#7c3aed", "#0891b2", "#be185d", "#a16207", "#475569")
# Boxes of a table: the names of its columns, an edge, any row, rows of a kind.
HEAD, EDGE, BOX = "#f8fafc", "#94a3b8", "#eef2f7"
BOXES = ("#dbeafe", "#dcfce7", "#fef9c3")
SHADES = ("#93c5fd", "#3b82f6", "#1e3a8a")  # of one target, from little to much


def style_sheet() -> str:
    """Return the colours of the targets as variables of CSS, light and dark."""
    return (
        f":root {{ {variables(TARGETS)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {variables(TARGETS_ON_DARK)} }} }}\n"
    )


def variables(colours: dict[str, str]) -> str:
    """Return colours as declarations of CSS variables."""
    return " ".join(f"--{name.replace('_', '-')}: {value};" for name, value in colours.items())
