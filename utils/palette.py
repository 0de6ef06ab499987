"""The colours of the service's own page and of its pictures: one for each target."""

from __future__ import annotations

TARGETS = {"wip": "#1d4ed8", "throughput": "#c2410c", "cycle_time": "#15803d"}
# On a dark ground, with the same hues.
TARGETS_ON_DARK = {"wip": "#7aa2f7", "throughput": "#f0883e", "cycle_time": "#5bb974"}
ACTUAL, REFERENCE = "#334155", "#64748b"  # true values; what a forecast is held against


def style_sheet() -> str:
    """Return the colours of the targets as variables of CSS, light and dark."""
    return (
        f":root {{ {variables(TARGETS)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {variables(TARGETS_ON_DARK)} }} }}\n"
    )


def variables(colours: dict[str, str]) -> str:
    """Return colours as declarations of CSS variables."""
    return " ".join(f"--{name.replace('_', '-')}: {value};" for name, value in colours.items())
