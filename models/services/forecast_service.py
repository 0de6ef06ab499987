"""Forecasts of series by trained models and by the pretrained network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from threading import Lock
from typing import TypeVar

from models.data.datasets import Datasets
from models.forecast.batch import (
    AcceptedItem,
    RefusedItem,
    accepted_item,
    checked_items,
    forecast_batch,
)
from models.forecast.forecast_reply import forecast_reply, paths_needed, reply_days
from models.forecast.forecaster import History
from models.forecast.history import history_of
from models.forecast.path_stream import path_stream
from models.forecast.zero_shot import PRETRAINED_ID
from models.jobs.jobs import Jobs
from models.registry.registry import NotDerived, OpenModel, Registry
from models.services.forecast_files import FileForm, forecast_file, with_history
from models.services.forecast_source import ForecastSource
from models.services.line_advice import LineAdvice
from models.services.newest_rows import Request, dataset_of, with_newest_rows
from models.services.plan_service import PlanService
from models.services.zero_shot import ZeroShotForecasters, zero_shot_forecaster
from utils.api.replies.forecasting import PredictReply
from utils.api.replies.plan_replies import ScenariosReply
from utils.api.request_limits import check_horizon
from utils.api.schemas.forecasting import (
    BatchRequest,
    PredictRequest,
    ScenariosRequest,
)
from utils.errors import InvalidInput
from utils.flow_curve import FlowCurve
from utils.settings import Settings

_ZERO_SHOT_SHARE = 500_000  # bytes of each MB of MODEL_CACHE_MB for rows that need no model
_OfSeries = TypeVar("_OfSeries", PredictRequest, ScenariosRequest)
_Asked = PredictRequest | ScenariosRequest | BatchRequest


class ForecastService:
    """Forecasts of one series or many, with what is planned, as replies, files and streams."""

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        datasets: Datasets,
        registry: Registry,
        plans: PlanService,
        lines: LineAdvice,
    ) -> None:
        self._settings, self._jobs = settings, jobs
        self._datasets, self._registry = datasets, registry
        self._plans, self._lines = plans, lines
        # One forecast is computed at a time: threads that pass Python's global lock to one another
        # between small array operations take several times the processor time.
        self._turn = Lock()
        room = settings.model_cache_mb * _ZERO_SHOT_SHARE
        self._zero_shot = ZeroShotForecasters(datasets, room)

    def predict(self, request: PredictRequest) -> PredictReply:
        """Forecast a series.

        Raises:
            NotFound: there is no such model, or no such data set.
            InvalidInput: the model does not know the series, or the history is too short.
        """
        source, request, history = self._opened(request)
        forecaster = source.forecaster
        history = self._plans.planner(source.dataset_id)(history, request)
        steps = reply_days(history, request).steps

        def curve_of() -> FlowCurve | None:
            return self._lines.known(source.dataset_id, history.series_key)

        with self._turn:
            forecast = forecaster.forecast(history, steps, paths_needed(request), request.raw)
        return forecast_reply(forecaster, history, request, forecast, curve_of)

    def _opened(self, request: _OfSeries) -> tuple[ForecastSource, _OfSeries, History]:
        """Return the source of a forecast, the request with its newest rows, and the history."""
        check_horizon("predictionDays", request.prediction_days, self._settings.max_horizon)
        source = self._source(request)
        request = self._with_newest_rows(request, source)(request)
        series_key = (request.plant, request.application, request.panel_size)
        history = history_of(source.forecaster, series_key, request, self._settings.max_rows)
        return source, request, history

    def predict_file(self, request: PredictRequest, form: FileForm) -> bytes:
        """Forecast a series; return the forecast as a file. Raises as `predict`."""
        reply = self.predict(with_history(request, form))
        series_key = (request.plant, request.application, request.panel_size)
        return forecast_file(reply, series_key, form)

    def predict_scenarios(self, request: ScenariosRequest) -> ScenariosReply:
        """Forecast a series with several plans. Raises as `predict`."""
        source, request, history = self._opened(request)
        with self._turn:
            return self._plans.scenarios(source, history, request)

    def predict_batch(self, request: BatchRequest) -> Iterable[bytes]:
        """Forecast many series by one model; a `BatchReply`, streamed.

        Raises:
            NotFound: there is no such model.
            InvalidInput: not one of the items can be forecast.
        """
        source = self._source(request)
        limits = self._settings.max_rows, self._settings.max_horizon
        newest = self._with_newest_rows(request, source)
        planned = self._plans.planner(source.dataset_id)
        return forecast_batch(source.forecaster, request, *limits, planned, newest)

    def predict_paths(self, request: PredictRequest | BatchRequest) -> Iterable[bytes]:
        """Forecast one series or many; an Arrow stream of their sample paths.

        Raises:
            NotFound: there is no such model, or no such data set.
            InvalidInput: no item can be forecast, or one asks for no paths.
        """
        source = self._source(request)
        forecaster = source.forecaster
        limits = self._settings.max_rows, self._settings.max_horizon
        planned = self._plans.planner(source.dataset_id)
        items: list[AcceptedItem | RefusedItem]
        if isinstance(request, BatchRequest):
            newest = self._with_newest_rows(request, source)
            items = checked_items(forecaster, request, *limits, planned, newest)
        else:
            request = self._with_newest_rows(request, source)(request)
            items = [accepted_item(forecaster, 0, request, *limits, planned)]
        return path_stream(forecaster, request.model_id, items)

    def plan_source(self, id: str, dataset_id: str | None) -> ForecastSource:
        """Return the source of the forecasts that plans are made with.

        Args:
            dataset_id: with the pretrained network only, and then required.

        Raises:
            NotFound: there is no such model, or no such data set.
            InvalidInput: a data set is given or lacks.
        """
        if id != PRETRAINED_ID:
            return self._trained(id, dataset_id)
        if dataset_id is None:
            raise InvalidInput.of("datasetId", f"is required with the model {PRETRAINED_ID}")
        return ForecastSource(self._zero_shot.of_dataset(dataset_id, what_if=False), dataset_id)

    def _source(self, request: _Asked) -> ForecastSource:
        if request.model_id == PRETRAINED_ID:
            found = zero_shot_forecaster(request, self._zero_shot, self._settings.max_rows)
            return ForecastSource(found, request.dataset_id)
        return self._trained(request.model_id, request.dataset_id)

    def _with_newest_rows(
        self, request: _Asked, source: ForecastSource
    ) -> Callable[[Request], Request]:
        """Return the function that gives requests their newest rows; one look at the data set."""
        model = source.document
        if model is None:  # the forecasters of the pretrained network know the rows asked for
            return _without_as_of if isinstance(request, BatchRequest) else lambda asked: asked
        document = dataset_of(model, self._datasets)
        return partial(with_newest_rows, model=model, datasets=self._datasets, document=document)

    def _trained(self, id: str, dataset_id: str | None) -> ForecastSource:
        if dataset_id is not None:
            raise InvalidInput.of(
                "datasetId",
                f"is for the model {PRETRAINED_ID} only; other models take newer rows as history",
                dataset_id,
            )
        opened = self._open(id)
        document = opened.document
        return ForecastSource(opened.forecaster, document.dataset_id, document)

    def _open(self, id: str) -> OpenModel:
        try:
            return self._registry.open(id)
        except NotDerived:
            self._jobs.expect_worker()
            self._jobs.derive(id)
            return self._registry.open(id)


def _without_as_of(request: Request) -> Request:
    if request.as_of is not None:
        raise InvalidInput.of(
            "asOf", f"is not for a batch by {PRETRAINED_ID}; send histories instead"
        )
    return request
