"""The default training job, for whoever trains it."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.datasets import Datasets
from models.data_generator import PlantSpec
from models.registry.hyperparameters import Hyperparameters
from models.series.panel import Panel
from models.training.prepare import PreparedData, prepare
from utils.api.schemas.synthetic_data import PlantFields


def spec_of(days: int = 545, seed: int = 1, plants: list[str] | None = None) -> PlantSpec:
    """The generator's defaults."""
    fields = PlantFields()
    return PlantSpec(
        tuple(plants or fields.plants),
        tuple(fields.applications),
        tuple(fields.panel_sizes),
        days,
        fields.base_wip,
        fields.base_throughput,
        fields.seasonality,
        fields.noise_level,
        seed,
    )


def panel_of(spec: PlantSpec) -> Panel:
    """Generated data, as a training loads it."""
    with TemporaryDirectory() as folder:
        datasets = Datasets(folder, 100_000_000, 1_000_000_000)
        return datasets.load(datasets.generate(spec)["dataset_id"])


def default_task(**hyper: Any) -> tuple[PreparedData, Hyperparameters]:
    """36 series × 545 days, ready to be trained on, and the default hyperparameters."""
    asked = Hyperparameters(**hyper)
    return prepare(panel_of(spec_of()), asked), asked


def windows_of(
    task: PreparedData, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
    """The windows before some rows copied out, as other libraries take them: [n, length, features],
    the numbers of the names [n, 3], the targets [n, H × 3], 0 where unknown."""
    encoding, panel = task.encoding, task.panel
    shown = encoding.rows(task.scaled, panel.time, panel.position)
    windows = shown[rows[:, None] + np.arange(-encoding.length, 0)]
    ahead = rows[:, None] + np.arange(task.horizon)
    inside = (ahead < task.target_ends(False)[rows][:, None])[..., None]
    ahead = np.minimum(ahead, len(task.scaled) - 1)
    change = (task.scaled[ahead] - task.scaled[rows - 1][:, None]) / task.change_scale
    targets = np.where(inside, change, 0.0).reshape(len(rows), -1).astype(np.float32)
    return windows, encoding.identities(panel.series[rows]), targets
