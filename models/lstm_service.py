"""`LSTMService`, the one object that views call: generate, upload, train, predict, manage."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

from models.data.dataset_calendars import calendars_in, change, closed_days
from models.data.datasets import Datasets
from models.data.quality_check import examine
from models.data.reading.raw_files import NO_OPTIONS
from models.data.table_preview import preview
from models.forecast.zero_shot import PRETRAINED_ID
from models.jobs.jobs import Jobs
from models.registry.registry import Registry
from models.services.backtest_service import BacktestService
from models.services.continued_trainings import ContinuedTrainings
from models.services.data_flow import flow_reply
from models.services.data_service import DataService
from models.services.forecast_files import FileForm
from models.services.forecast_service import ForecastService
from models.services.key_service import KeyService
from models.services.limits_reply import limits_reply
from models.services.line_advice import LineAdvice
from models.services.master_data import MasterData
from models.services.model_files import ModelFiles
from models.services.model_replies import model_reply, models_reply
from models.services.monitoring import Facts, Monitoring
from models.services.newest_rows import outdated
from models.services.operation_page import OperationPage
from models.services.plan_service import PlanService
from models.services.planning_service import PlanningService
from models.services.plant_trainings import PlantTrainings
from models.services.state_check import check_state
from models.services.submissions import Submissions
from models.services.training_data import TrainingData
from models.services.training_service import TrainingService
from models.services.waiting_requests import WaitingRequests
from utils.api.replies.base import MessageReply
from utils.api.replies.data import CalendarsReply, GenerateReply, RowsReply, UploadReply
from utils.api.replies.datasets import (
    DatasetSeriesReply,
    DatasetsReply,
)
from utils.api.replies.forecasting import PredictReply, ValidateReply
from utils.api.replies.models import ModelReply, ModelsReply
from utils.api.replies.operation import HealthReply, LimitsReply, ReadyReply
from utils.api.replies.plan_replies import ScenariosReply
from utils.api.replies.preview import PreviewReply
from utils.api.replies.quality import DataQualityReply
from utils.api.schemas.calendar import CalendarQuery, CalendarRequest
from utils.api.schemas.data import DataRequest, DatasetsQuery, SeriesQuery, ValidateRequest
from utils.api.schemas.flow import FlowQuery
from utils.api.schemas.forecasting import (
    BatchRequest,
    PlantPredictRequest,
    PredictRequest,
    ScenariosRequest,
)
from utils.api.schemas.models import ModelsQuery
from utils.api.schemas.synthetic_data import GenerateRequest
from utils.api.upload_options import RowsOptions, UploadOptions
from utils.errors import InvalidInput, NotFound
from utils.settings import Settings
from utils.storage.quota import Quota

VERSION = "1.0.0"


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
        keys: the API keys.
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
        continued = ContinuedTrainings(self.datasets, self.registry)
        submissions = Submissions(
            settings, self.jobs, self.registry, self._training_data, continued
        )
        shared = submissions, waiting, on_job_submitted
        self.trainings = TrainingService(settings, *stores, *shared)
        self.plant_trainings = PlantTrainings(settings, self.jobs, self.registry, *shared)
        self.backtests = BacktestService(settings, *stores, waiting, on_job_submitted)
        self.files = ModelFiles(self.jobs, self.registry, self.backtests.dataset, waiting)
        lines = LineAdvice(settings, self.datasets, lambda id: self.backtests.dataset(id, None))
        self.plans = PlanService(self.datasets)
        self._data = DataService(settings, self.datasets)
        self._forecasts = ForecastService(settings, *stores, self.plans, lines)
        self.planning = PlanningService(settings, self._forecasts.plan_source, lines, self.plans)
        self.page = OperationPage(*stores)
        self.master_data = MasterData(settings.master_file, self.registry, self.datasets)
        self.keys = KeyService(settings.resolved_database_url)
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

    def limits(self) -> LimitsReply:
        """Return the limits of the service, and what is stored."""
        return limits_reply(self.settings, self.datasets.store, self.registry.store)

    # --- data ---------------------------------------------------------------------------------

    def generate(
        self, request: GenerateRequest, idempotency_key: str | None = None
    ) -> GenerateReply:
        """Make and store synthetic data. See `DataService.generate`."""
        return self._data.generate(request, idempotency_key)

    def upload(
        self, path: Path, options: UploadOptions = NO_OPTIONS, idempotency_key: str | None = None
    ) -> UploadReply:
        """Check and store the table in a file. See `DataService.upload`."""
        return self._data.upload(path, options, idempotency_key)

    def add_rows(self, id: str, path: Path, options: RowsOptions) -> RowsReply:
        """Add the rows in a file to a data set. See `DataService.add_rows`."""
        return self._data.add_rows(id, path, options)

    def list_datasets(self, query: DatasetsQuery) -> DatasetsReply:
        """Return a page of the stored data sets, and those of it that are damaged."""
        return self._data.page(query)

    def list_series(self, id: str, query: SeriesQuery) -> DatasetSeriesReply:
        """Return a page of the series of a data set. See `DataService.series_page`."""
        return self._data.series_page(id, query)

    def examine(
        self, data: DataRequest | Path, options: UploadOptions = NO_OPTIONS
    ) -> DataQualityReply:
        """Return the quality of a stored data set, of rows, or of the table in a file.

        Raises:
            NotFound: there is no such data set.
            ServiceError: the table cannot be read; the message names the place.
        """
        return DataQualityReply(**examine(self.datasets, data, options))

    def calendars(self, id: str, query: CalendarQuery | None = None) -> CalendarsReply:
        """Return the working calendars of a data set, and the closed days of a time.

        Raises:
            NotFound: there is no such data set.
        """
        document = self.datasets.store.document(id)
        found, span = calendars_in(document), query.span if query else None
        closed = None if span is None else closed_days(found, span)
        return CalendarsReply(dataset_id=id, calendars=cast("Any", found), closed_days=closed)

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
        return models_reply(self.registry, query)

    def model(self, id: str) -> ModelReply:
        """Return one model in full. Raises NotFound for an unknown id."""
        return model_reply(self.registry, id)

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
        """Forecast a series. See `ForecastService.predict`."""
        return self._forecasts.predict(request)

    def predict_file(self, request: PredictRequest, form: FileForm) -> bytes:
        """Forecast a series; return the forecast as a file. Raises as `predict`."""
        return self._forecasts.predict_file(request, form)

    def predict_scenarios(self, request: ScenariosRequest) -> ScenariosReply:
        """Forecast a series with several plans. Raises as `predict`."""
        return self._forecasts.predict_scenarios(request)

    def predict_batch(self, request: BatchRequest) -> Iterable[bytes]:
        """Forecast many series by one model. See `ForecastService.predict_batch`."""
        return self._forecasts.predict_batch(request)

    def predict_paths(self, request: PredictRequest | BatchRequest) -> Iterable[bytes]:
        """Forecast one series or many; an Arrow stream of their sample paths."""
        return self._forecasts.predict_paths(request)

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
        asked = PredictRequest.parse(given | chosen)
        reply = self.predict(asked)
        reply.validation.warnings[:0] = outdated(asked, reply.as_of, self.datasets)
        return reply

    def validate(self, request: ValidateRequest) -> ValidateReply:
        """Judge a state by Little's Law; advice is from the curve of a line, where one is named.

        Raises:
            NotFound: there is no such data set or model.
            InvalidInput: no series has the names of the line.
        """
        return check_state(request, self.planning.lines)
