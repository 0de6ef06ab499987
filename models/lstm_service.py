"""`LSTMService`, the one object that views call: generate, upload, train, predict, manage."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, cast

from models.data.dataset_calendars import calendars_in, change
from models.data.datasets import Datasets
from models.data.growth import add_rows
from models.data.quality_check import examine
from models.data.raw_files import NO_OPTIONS
from models.data.series_list import SeriesLists
from models.data.table_preview import preview
from models.forecast.batch import (
    AcceptedItem,
    RefusedItem,
    accepted_item,
    checked_items,
    forecast_batch,
)
from models.forecast.forecast_reply import forecast_reply, paths_needed, reply_days
from models.forecast.forecaster import Forecaster, History
from models.forecast.history import history_of
from models.forecast.path_stream import path_stream
from models.forecast.zero_shot import PRETRAINED_ID
from models.jobs.jobs import Jobs
from models.registry.registry import NotDerived, Registry
from models.series.panel import SERIES_FIELDS
from models.services.backtest_service import BacktestService
from models.services.data_flow import flow_reply
from models.services.forecast_files import FileForm, forecast_file, with_history
from models.services.line_advice import LineAdvice
from models.services.master_data import MasterData
from models.services.model_files import ModelFiles
from models.services.monitoring import Facts, Monitoring
from models.services.newest_rows import Request, dataset_of, with_newest_rows
from models.services.operation_page import OperationPage
from models.services.plan_service import PlanService
from models.services.planning_service import PlanningService
from models.services.plant_trainings import PlantTrainings
from models.services.selection import selection
from models.services.submissions import Submissions
from models.services.synthetic_data import plant_spec
from models.services.training_data import TrainingData
from models.services.training_service import TrainingService
from models.services.waiting_requests import WaitingRequests
from models.services.zero_shot import DESCRIPTION, ZeroShotForecasters, zero_shot_forecaster
from utils import validation
from utils.api.idempotency import fingerprint, id_of, seed_of, used_key
from utils.api.replies.base import MessageReply
from utils.api.replies.data import CalendarsReply, DataRow, GenerateReply, RowsReply, UploadReply
from utils.api.replies.datasets import (
    DamagedDataset,
    DatasetInfo,
    DatasetSeriesReply,
    DatasetsReply,
)
from utils.api.replies.forecasting import PredictReply, ValidateReply, Validation
from utils.api.replies.models import KnownSeries, ModelInfo, ModelReply, ModelsReply
from utils.api.replies.operation import HealthReply, ReadyReply
from utils.api.replies.plan_replies import ScenariosReply
from utils.api.replies.preview import PreviewReply
from utils.api.replies.quality import DataQualityReply
from utils.api.replies.training import LossHistory, NetworkSummary
from utils.api.request_limits import check_horizon
from utils.api.schemas.calendar import CalendarRequest
from utils.api.schemas.data import DataRequest, DatasetsQuery, SeriesQuery, ValidateRequest
from utils.api.schemas.flow import FlowQuery
from utils.api.schemas.forecasting import (
    BatchRequest,
    ForecastFields,
    PlantPredictRequest,
    PredictRequest,
    ScenariosRequest,
)
from utils.api.schemas.models import ModelsQuery
from utils.api.schemas.synthetic_data import GenerateRequest
from utils.api.upload_options import RowsOptions, UploadOptions
from utils.errors import Conflict, InvalidInput, NotFound
from utils.settings import Settings
from utils.storage.artifact_reader import sha256_of_file
from utils.storage.quota import Quota

VERSION = "1.0.0"
_ZERO_SHOT_SHARE = 500_000  # bytes of each MB of MODEL_CACHE_MB for rows that need no model


class LSTMService:
    """Everything the service does, free of HTTP. One per process; threads may share it.

    It connects to nothing until a method needs it, and never loads TensorFlow.

    Args:
        on_job_submitted: called with the id of each job that a request submits or joins.
        on_open_models: called with the number of open models and their bytes when they change.

    Attributes:
        trainings: trainings and their jobs.
        plant_trainings: trainings of one model per plant.
        backtests: backtests of the models.
        files: the files of the models.
        planning: the answers to planners.
        plans: what is known ahead of forecasts, and scenarios.
        page: the answers to the operation page.
        master_data: the names of plants, products, panel sizes and regions.
    """

    def __init__(
        self,
        settings: Settings,
        on_job_submitted: Callable[[str], None] = lambda job_id: None,
        on_open_models: Callable[[int, int], None] = lambda models, size: None,
    ) -> None:
        self.settings = settings
        self.registry = Registry(
            settings.model_location,
            settings.model_cache_mb * 1_000_000,
            on_open_models,
            Quota("MAX_MODELS_MB", settings.max_models_mb),
        )
        self.jobs = Jobs(settings.resolved_database_url)
        self.datasets = Datasets.of(settings)
        waiting = WaitingRequests(settings.max_waiting)
        stores = self.jobs, self.datasets, self.registry
        self._training_data = TrainingData(settings, *stores)
        submissions = Submissions(settings, self.jobs, self.registry, self._training_data)
        shared = submissions, waiting, on_job_submitted
        self.trainings = TrainingService(settings, *stores, *shared)
        self.plant_trainings = PlantTrainings(settings, self.jobs, self.registry, *shared)
        self.backtests = BacktestService(settings, *stores, waiting, on_job_submitted)
        self.files = ModelFiles(self.jobs, self.registry, self.backtests.dataset, waiting)
        lines = LineAdvice(settings, self.datasets, lambda id: self.backtests.dataset(id, None))
        self.plans = PlanService(self.datasets, self.registry)
        self.planning = PlanningService(settings, self._plan_source, lines, self.plans)
        self._series_lists = SeriesLists(self.datasets)
        room = settings.model_cache_mb * _ZERO_SHOT_SHARE
        self._zero_shot = ZeroShotForecasters(self.datasets, room)
        self.page = OperationPage(*stores)
        self.master_data = MasterData(settings.master_file, self.registry, self.datasets)
        self._monitoring = Monitoring(VERSION, self.registry, self.jobs, self.datasets)

    # --- operation ----------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Connect to the database before the first request needs it."""
        self._monitoring.connect()

    def health(self) -> HealthReply:
        """Return the state of the service; always answers."""
        return self._monitoring.health()

    def ready(self) -> ReadyReply:
        """Check that everything that work needs is there.

        Raises:
            Unavailable: something is missing; the details name it.
        """
        return self._monitoring.ready()

    def metrics_facts(self) -> Facts:
        """Return the figures of the database and the stores, for `/metrics`."""
        return self._monitoring.facts()

    # --- data ---------------------------------------------------------------------------------

    def generate(
        self, request: GenerateRequest, idempotency_key: str | None = None
    ) -> GenerateReply:
        """Make and store synthetic data; one idempotency key always gives the same data set.

        Raises:
            TooLarge: more rows (MAX_ROWS) or series (MAX_SERIES) than allowed, or the stored data
                sets take all of the space that they may (MAX_DATA_MB); nothing was made.
            InvalidInput: the idempotency key was used with another body.
        """
        seed, id = seed_of(request.seed, idempotency_key), id_of(idempotency_key, "generate")
        mark = fingerprint(request)
        with contextlib.suppress(NotFound):
            document = self.datasets.store.document(id)
            if document.get("fingerprint") != mark:
                raise used_key(idempotency_key)
            return self._generated(document, seed)
        spec = plant_spec(request, seed, self.settings)
        return self._generated(
            self._stored_once(lambda: self.datasets.generate(spec, id, mark), id, mark), seed
        )

    def _stored_once(
        self, store: Callable[[], dict[str, Any]], id: str, mark: str
    ) -> dict[str, Any]:
        """The document of the data set that `store` stores, or that an equal request has stored."""
        try:
            return store()
        except Conflict:
            document = self.datasets.store.document(id)
            if document.get("fingerprint") != mark:
                raise
            return document

    def _generated(self, document: dict[str, Any], seed: int) -> GenerateReply:
        return GenerateReply(
            dataset_id=document["dataset_id"],
            data_points=document["data_points"],
            data=[DataRow(**row) for row in self.datasets.preview(document["dataset_id"])],
            summary=document["summary"],
            seed=seed,
        )

    def upload(
        self,
        path: Path,
        options: UploadOptions = NO_OPTIONS,
        idempotency_key: str | None = None,
    ) -> UploadReply:
        """Check and store the table in a file; one idempotency key always gives one data set.

        Raises:
            InvalidInput: the idempotency key was used with another table.
            ServiceError: the table cannot be read or repaired; the sentence names the place.
        """
        document = self._known_upload(path, options, idempotency_key) or self.datasets.upload(
            path, options=options, declared=options.known or ()
        )
        names = ("dataset_id", "data_points", "summary", "quality", "read_as")
        fields: dict[str, Any] = {name: document[name] for name in names if name in document}
        return UploadReply(**fields, calendars=cast("Any", calendars_in(document)))

    def _known_upload(
        self, path: Path, options: UploadOptions, idempotency_key: str | None
    ) -> dict[str, Any] | None:
        """The document of a table that is or was uploaded with a key; None without a key."""
        if idempotency_key is None:
            return None
        id, mark = id_of(idempotency_key, "upload"), sha256_of_file(path)
        mark += fingerprint(options) if options.given else ""
        with contextlib.suppress(NotFound):
            document = self.datasets.store.document(id)
            if document.get("fingerprint") != mark:
                raise used_key(idempotency_key)
            return document
        return self._stored_once(
            lambda: self.datasets.upload(path, id, mark, options, options.known or ()), id, mark
        )

    def add_rows(self, id: str, path: Path, options: RowsOptions) -> RowsReply:
        """Add the rows in a file to a data set, or correct stored ones.

        Raises:
            NotFound: there is no such data set.
            Conflict: rows differ from stored ones, and the request does not replace them.
            ServiceError: the table cannot be read or repaired; the sentence names the place.
        """
        document, counts = add_rows(self.datasets, id, path, options)
        names = ("dataset_id", "data_points", "summary", "quality", "read_as", "version", "as_of")
        start = {"version": 1, "as_of": document["summary"]["date_range"]["end"], "quality": {}}
        fields: dict[str, Any] = {name: document.get(name, start.get(name)) for name in names}
        fields |= counts | {"calendars": calendars_in(document)}
        return RowsReply(**fields)

    def examine(
        self, data: DataRequest | Path, options: UploadOptions = NO_OPTIONS
    ) -> DataQualityReply:
        """Return the quality of a stored data set, of rows, or of the table in a file.

        Raises:
            NotFound: there is no such data set.
            ServiceError: the table cannot be read; the message names the place.
        """
        return DataQualityReply(**examine(self.datasets, data, options))

    def calendars(self, id: str) -> CalendarsReply:
        """Return the working calendars of a data set.

        Raises:
            NotFound: there is no such data set.
        """
        document = self.datasets.store.document(id)
        return CalendarsReply(dataset_id=id, calendars=cast("Any", calendars_in(document)))

    def change_calendars(self, id: str, request: CalendarRequest) -> CalendarsReply:
        """Give a data set other working calendars.

        Raises:
            NotFound: there is no such data set.
            InvalidInput: they do not fit its rows, or name a plant or a country that is not known.
        """
        change(self.datasets, id, request.calendar)
        return self.calendars(id)

    def preview(self, path: Path, options: UploadOptions = NO_OPTIONS) -> PreviewReply:
        """Return how the table in a file would be read.

        Raises:
            ServiceError: the content is broken, too large, or no table.
        """
        return PreviewReply(**preview(self.datasets, path, options))

    def list_datasets(self, query: DatasetsQuery) -> DatasetsReply:
        """Return a page of the stored data sets, and those of it that are damaged."""
        page, damaged = self.datasets.page(selection(query))
        return DatasetsReply(
            datasets=[DatasetInfo(**info) for info in page.shown.values()],
            damaged=[DamagedDataset(dataset_id=id, error=error) for id, error in damaged.items()],
            total=page.total,
            next_cursor=query.cursor_after(page.last),
        )

    def list_series(self, id: str, query: SeriesQuery) -> DatasetSeriesReply:
        """Return a page of the series of a data set.

        Raises:
            NotFound: there is no such data set.
            InvalidInput: the cursor is not one of this list.
        """
        page = self._series_lists.page(id, query.q, query.after, query.limit)
        found = {"step": page.step, "series": page.shown, "total": page.total}
        return DatasetSeriesReply.model_validate(
            found | {"next_cursor": query.cursor_after(page.last)}
        )

    def dataset_rows(self, id: str, form: str) -> Iterator[bytes]:
        """Yield the rows of a data set as `csv` or `json`, some at a time."""
        return self.datasets.stream(id, form)

    def dataset_file(self, id: str) -> AbstractContextManager[Path]:
        """Return the Parquet file of a data set, available while the context is open."""
        return self.datasets.parquet(id)

    def dataset_flow(self, id: str, query: FlowQuery, form: str) -> bytes:
        """Return the flow of a data set: a `FlowReply` as `json`, or a picture as `png`.

        Raises:
            NotFound: there is no such data set.
            InvalidInput: it has no such series.
        """
        return flow_reply(self.datasets, id, query, form)

    def delete_dataset(self, id: str) -> MessageReply:
        """Delete a data set; models trained on it stay."""
        self.datasets.store.delete(id)
        return MessageReply(message=f"Data set {id} is deleted.")

    # --- models -------------------------------------------------------------------------------

    def list_models(self, query: ModelsQuery) -> ModelsReply:
        """Return a page of the models on disk."""
        page = self.registry.page(selection(query))
        models = [{"model_id": id, "info": info} for id, info in page.shown.items()]
        fields = {"total": page.total, "next_cursor": query.cursor_after(page.last)}
        built_in = [{"model_id": PRETRAINED_ID, "info": DESCRIPTION}]
        return ModelsReply.model_validate({"models": models, "built_in": built_in, **fields})

    def model(self, id: str) -> ModelReply:
        """Return one model in full."""
        info, document = self.registry.details(id)
        return ModelReply(
            model_id=id,
            info=cast("ModelInfo", info),
            training_history=cast("LossHistory | None", document.training_history),
            model_summary=cast("NetworkSummary | None", document.model_summary),
            beside=self.registry.others_of(document),
            step=document.encoding.get("step", "day"),
            series=[
                KnownSeries(**dict(zip(SERIES_FIELDS, key, strict=True)))
                for key in document.series_keys
            ],
        )

    def delete_model(self, id: str) -> MessageReply:
        """Delete a model everywhere, with its backtests and the data stored for its training.

        Raises:
            NotFound: there is no such model.
            InvalidInput: it is built in.
        """
        if id == PRETRAINED_ID:
            raise InvalidInput.of("model_id", "must not be that of a model that is built in", id)
        dataset_id = self._training_data.deleted_with(id)
        self.registry.delete(id)
        self.backtests.delete_of(id)
        if dataset_id is not None:
            with contextlib.suppress(NotFound):  # somebody deleted it meanwhile
                self.datasets.store.delete(dataset_id)
        return MessageReply(message=f"Model {id} is deleted.")

    # --- forecasts ----------------------------------------------------------------------------

    def predict(self, request: PredictRequest) -> PredictReply:
        """Forecast a series.

        Raises:
            NotFound: there is no such model, or no such data set.
            InvalidInput: the model does not know the series, or the history is too short.
        """
        check_horizon("predictionDays", request.prediction_days, self.settings.max_horizon)
        forecaster = self._forecaster(request)
        request = self._with_newest_rows(request.model_id)(request)
        series_key = (request.plant, request.application, request.panel_size)
        history = history_of(forecaster, series_key, request, self.settings.max_rows)
        history = self.plans.planned(history, request, request.model_id, request.dataset_id)
        steps = reply_days(history, request).steps
        forecast = forecaster.forecast(history, steps, paths_needed(request), request.raw)
        return forecast_reply(forecaster, history, request, forecast)

    def predict_file(self, request: PredictRequest, form: FileForm) -> bytes:
        """Forecast a series; return the forecast as a file. Raises as `predict`."""
        reply = self.predict(with_history(request, form))
        series_key = (request.plant, request.application, request.panel_size)
        return forecast_file(reply, series_key, form)

    def predict_scenarios(self, request: ScenariosRequest) -> ScenariosReply:
        """Forecast a series with several plans. Raises as `predict`."""
        check_horizon("predictionDays", request.prediction_days, self.settings.max_horizon)
        forecaster = self._forecaster(request)
        request = self._with_newest_rows(request.model_id)(request)
        series_key = (request.plant, request.application, request.panel_size)
        history = history_of(forecaster, series_key, request, self.settings.max_rows)
        return self.plans.scenarios(forecaster, history, request)

    def predict_batch(self, request: BatchRequest) -> Iterable[bytes]:
        """Forecast many series by one model; a `BatchReply`, streamed.

        Raises:
            NotFound: there is no such model.
            InvalidInput: not one of the items can be forecast.
        """
        forecaster = self._forecaster(request)
        limits = self.settings.max_rows, self.settings.max_horizon
        source = request.model_id, request.dataset_id
        return forecast_batch(
            forecaster,
            request,
            *limits,
            planned=lambda history, item: self.plans.planned(history, item, *source),
            newest=self._with_newest_rows(request.model_id),
        )

    def predict_paths(self, request: PredictRequest | BatchRequest) -> Iterable[bytes]:
        """Forecast one series or many; an Arrow stream of their sample paths.

        Raises:
            NotFound: there is no such model, or no such data set.
            InvalidInput: no item can be forecast, or one asks for no paths.
        """
        forecaster = self._forecaster(request)
        limits = self.settings.max_rows, self.settings.max_horizon
        source = request.model_id, request.dataset_id

        def planned(history: History, item: ForecastFields) -> History:
            return self.plans.planned(history, item, *source)

        items: list[AcceptedItem | RefusedItem]
        if isinstance(request, BatchRequest):
            newest = self._with_newest_rows(request.model_id)
            items = checked_items(forecaster, request, *limits, planned, newest)
        else:
            request = self._with_newest_rows(request.model_id)(request)
            items = [accepted_item(forecaster, 0, request, *limits, planned)]
        return path_stream(forecaster, request.model_id, items)

    def predict_plant(self, plant: str, request: PlantPredictRequest) -> PredictReply:
        """Forecast a series of a plant with its best model.

        Raises:
            NotFound: no model is of this plant alone.
            InvalidInput: the body names another plant; else as `predict`.
        """
        if request.plant not in (None, plant):
            raise InvalidInput.of("plant", f"must be that of the path, {plant}", request.plant)
        chosen = {"plant": plant, "model_id": self.page.best(plant).model_id}
        given = request.model_dump(by_alias=True, exclude_none=True)
        return self.predict(PredictRequest.parse(given | chosen))

    def _forecaster(self, request: PredictRequest | BatchRequest) -> Forecaster:
        if request.model_id == PRETRAINED_ID:
            return zero_shot_forecaster(request, self._zero_shot, self.settings.max_rows)
        return self._trained(request.model_id, request.dataset_id)

    def _with_newest_rows(self, model_id: str) -> Callable[[Request], Request]:
        """Return the function that gives requests their newest rows; one look at the data set."""
        if model_id == PRETRAINED_ID:
            return _without_as_of
        model = self.registry.summary(model_id)
        document = dataset_of(model, self.datasets)
        return partial(with_newest_rows, model=model, datasets=self.datasets, document=document)

    def _trained(self, id: str, dataset_id: str | None) -> Forecaster:
        if dataset_id is not None:
            raise InvalidInput.of(
                "datasetId",
                f"is for the model {PRETRAINED_ID} only; other models take newer rows as history",
                dataset_id,
            )
        return self._open(id)

    def _plan_source(self, id: str, dataset_id: str | None) -> Forecaster:
        if id != PRETRAINED_ID:
            return self._trained(id, dataset_id)
        if dataset_id is None:
            raise InvalidInput.of("datasetId", f"is required with the model {PRETRAINED_ID}")
        return self._zero_shot.of_dataset(dataset_id, what_if=False)

    def _open(self, id: str) -> Forecaster:
        try:
            return self.registry.open(id)
        except NotDerived:
            self.jobs.expect_worker()
            self.jobs.derive(id)
            return self.registry.open(id)

    def validate(self, request: ValidateRequest) -> ValidateReply:
        """Judge a state by Little's Law."""
        found = validation.validate(**request.model_dump())
        return ValidateReply(validation=Validation(**found))


def _without_as_of(request: Request) -> Request:
    if request.as_of is not None:
        raise InvalidInput.of("asOf", f"is not for {PRETRAINED_ID}; send a history instead")
    return request
