"""The loop that the generator's speed is measured by computes what the generator does."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.speed import loop
from models.data_generator import PlantSpec, generate


@pytest.mark.parametrize(("wip", "noise"), [(100.0, 0.1), (20.0, 0.0), (2000.0, 0.3), (0.5, 0.1)])
def test_the_loop_computes_what_the_generator_does(wip: float, noise: float) -> None:
    spec = PlantSpec(("p", "q"), ("a",), ("s",), 60, wip, 50.0, 0.2, noise, 3)
    [block] = generate(spec)
    rows = loop.generate(spec)
    for name, values in block.columns.items():
        np.testing.assert_allclose([row[name] for row in rows], values.ravel(), atol=1e-6)
