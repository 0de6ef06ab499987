"""Columns for Arrow: what was given, with pandas left alone."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import arrow

ROOT = Path(__file__).resolve().parents[2]


@given(st.lists(st.floats(), max_size=40))
def test_numbers_are_those_given_and_nan_is_null(values: list[float]) -> None:
    column = arrow.numbers(np.array(values, float), pa.float64())
    column.validate(full=True)
    assert column.to_pylist() == [None if math.isnan(value) else value for value in values]


@given(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=40))
@pytest.mark.parametrize("kind", [pa.int32(), pa.date32()])
def test_whole_numbers_and_days_are_those_given(kind: pa.DataType, values: list[int]) -> None:
    column = arrow.numbers(np.array(values, np.int32), kind)
    column.validate(full=True)
    assert column.cast(pa.int32()).to_pylist() == values


def test_numbers_of_every_other_place_are_those_given() -> None:
    column = arrow.numbers(np.arange(10.0)[::2], pa.float64())
    assert column.to_pylist() == [0, 2, 4, 6, 8]


@given(st.lists(st.text(), max_size=20))
def test_texts_are_those_given(words: list[str]) -> None:
    words = [word for word in words if word.isprintable()]
    column = arrow.texts(words)
    column.validate(full=True)
    assert column.to_pylist() == words


@pytest.mark.service
def test_what_web_processes_do_with_made_data_leaves_pandas_alone(tmp_path: Path) -> None:
    code = (
        "import sys; from models.data.datasets import Datasets;\n"
        "from models.data_generator import PlantSpec\n"
        "data = Datasets(sys.argv[1], 10**6, 10**9)\n"
        "spec = PlantSpec(('A',), ('B',), ('C',), 40, 100.0, 20.0, 0.2, 0.1, 1)\n"
        "id = data.generate(spec)['dataset_id']\n"
        "data.preview(id)\n"
        "[list(data.stream(id, form)) for form in ('csv', 'json')]\n"
        "print('pandas' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
