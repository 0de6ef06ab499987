"""Requests about the models on disk: their list, backtests and compression."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from utils.api.paging import PageQuery
from utils.api.parsing import Flag, Int, Name, Request
from utils.api.schemas.base import DatasetId, example


class BacktestRequest(Request):
    """A backtest of a model: forecasts from past origins, beside what came."""

    model_config = example(origins=5, horizon=7)

    dataset_id: DatasetId | None = Field(
        None, description="default: the data set that the model was trained on"
    )
    origins: Int = Field(20, ge=1, le=200, description="how many at most, spread evenly")
    horizon: Annotated[Int, Field(ge=1, le=365)] | None = Field(
        None, description="default: 28 days, 26 weeks or 12 months"
    )
    step: Annotated[Int, Field(ge=1, le=36_500)] | None = Field(
        None, description="from each origin to the next, back from the newest"
    )
    plant: Name | None = Field(None, description="only the series of this plant")
    application: Name | None = Field(None, description="only the series of this application")
    panel_size: Name | None = Field(None, description="only the series of this panel size")
    include_training: Flag = Field(False, description="true: origins within the training span, too")
    background: Flag = Field(False, description="true: reply 202 with a job at once")

    def to_config(self) -> dict[str, Any]:
        """Return the fields as jobs state them, in snake_case."""
        return self.model_dump(exclude={"dataset_id", "background"})


class CompressRequest(Request):
    """The weights to serve a model with."""

    model_config = example(serves="float16")

    serves: Literal["float32", "float16", "int8"] = Field(
        "float16", description="number format of the weights"
    )
    dataset_id: DatasetId | None = Field(
        None, description="to measure by; default: the data set that the model was trained on"
    )


class ModelsQuery(PageQuery):
    """The models to list; `q` looks in ids, architectures, data sets and names of series."""

    sort: Literal["-created_at", "created_at", "mase"] = Field(
        "-created_at", description="`-created_at`: newest first; `mase`: lowest error first"
    )
