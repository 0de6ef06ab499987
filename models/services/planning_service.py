"""Answers to planners: requests about orders, targets and lines become questions to `planning`."""

from __future__ import annotations

import math
from collections.abc import Callable

from models.forecast.forecaster import History
from models.forecast.zero_shot import PRETRAINED_ID
from models.planning.line_plan import LineQuestion, plan_line
from models.planning.queueing import Station
from models.services.forecast_source import ForecastSource
from models.services.line_advice import LineAdvice
from models.services.measured_stations import measured_stations
from models.services.order_plans import finish_fields, finish_orders, output_fields
from models.services.plan_rows_by_series import expect_known_series, rows_of
from models.services.plan_service import PlanService
from models.services.sample_futures import SampleFutures
from models.services.unit_plans import unit_fields
from utils.api.parsing import parse_each
from utils.api.replies.orders import FinishReply, OutputReply, UnitReply
from utils.api.replies.stations import LineReply
from utils.api.request_limits import check_horizon
from utils.api.schemas.orders import (
    FinishRequest,
    OrderFields,
    OutputRequest,
    SeriesFields,
    SourceFields,
    UnitRequest,
)
from utils.api.schemas.stations import LineRequest, StationFields
from utils.errors import InvalidInput
from utils.settings import Settings


class PlanningService:
    """The plans of one service.

    Args:
        open_source: (model id, data set id or None) → the model, ready to forecast.
        lines: curves, advice and comparisons.
        plans: what is known ahead, as it is stored with data sets.
    """

    def __init__(
        self,
        settings: Settings,
        open_source: Callable[[str, str | None], ForecastSource],
        lines: LineAdvice,
        plans: PlanService,
    ) -> None:
        self._settings, self._open_source, self._plans = settings, open_source, plans
        self.lines = lines

    def finish(self, request: FinishRequest) -> FinishReply:
        """Return when orders are finished.

        Raises:
            NotFound: there is no such model, or no such data set.
            InvalidInput: no source is named, a series is not known, or a date is out of range.
        """
        model_id, futures = self._futures(request)
        orders = parse_each(OrderFields, request.orders, "orders")
        found = finish_orders(futures, orders)
        return FinishReply(model_id=model_id, **finish_fields(found, orders))

    def finish_picture(self, request: FinishRequest) -> bytes:
        """Return the distribution of finish dates as PNG. Raises as `finish`."""
        from models.reports.plan_pictures import draw_finish

        _, futures = self._futures(request)
        orders = parse_each(OrderFields, request.orders, "orders")
        found = finish_orders(futures, orders)
        names = [
            f"{order.quantity:g} of {order.plant} / {order.application} / {order.panel_size}"
            for order in orders
        ]
        return draw_finish("Finish dates", names, found.dates, [order.due for order in orders])

    def output(self, request: OutputRequest) -> OutputReply:
        """Return the units that are out by given dates. Raises as `finish`."""
        model_id, futures = self._futures(request)
        if request.series is None:
            keys = list(futures.forecaster.encoding.series_keys)
        else:
            given = parse_each(SeriesFields, request.series, "series")
            keys = list(dict.fromkeys((s.plant, s.application, s.panel_size) for s in given))
        return OutputReply(model_id=model_id, **output_fields(futures, request, keys))

    def _futures(self, request: SourceFields) -> tuple[str, SampleFutures]:
        """The id of the model of a request, and its sample paths."""
        check_horizon("horizonDays", request.horizon_days, self._settings.max_horizon)
        model_id = request.model_id
        if model_id is None:
            if request.dataset_id is None:
                raise InvalidInput.of("model_id", "or datasetId is required")
            model_id = PRETRAINED_ID
        source = self._open_source(model_id, request.dataset_id)
        forecaster = source.forecaster
        rows = request.plan or []
        expect_known_series(rows, forecaster.encoding.series_keys)

        def with_plan(history: History) -> History:
            own = rows_of(rows, history.series_key)
            return self._plans.known(history, own, source.dataset_id)

        return model_id, SampleFutures(forecaster, request.paths, request.horizon_days, with_plan)

    def unit(self, request: UnitRequest) -> UnitReply:
        """Return when a single unit is finished. Raises as `finish`."""
        model_id, futures = self._futures(request)
        key = (request.plant, request.application, request.panel_size)
        found = unit_fields(futures, key, request, self.lines.log_of(request))
        return UnitReply(model_id=model_id, **found)

    def line(self, request: LineRequest) -> LineReply:
        """Return a line of stations at a release rate.

        Raises:
            InvalidInput: a station breaks a rule, two have one name, or the data set is no event
                log of steps.
            NotFound: there is no such data set.
        """
        if request.stations is None:
            log = self.lines.log_of(request)
            if log is None:
                rule = "must be of an event log, with a row for each step of a unit"
                raise InvalidInput.of("datasetId", rule, request.dataset_id)
            stations, measured = measured_stations(log)
            return _line_reply(request, stations, request.release_rate or measured)
        given = parse_each(StationFields, request.stations, "stations")
        _expect_distinct([fields.name for fields in given])
        shifts = tuple((each.name, each.shifts) for each in given if each.shifts is not None)
        stations = [_station(fields) for fields in given]
        return _line_reply(request, stations, request.release_rate or 0.0, shifts)


def _line_reply(
    request: LineRequest,
    stations: list[Station],
    rate: float,
    shifts: tuple[tuple[str, int], ...] = (),
) -> LineReply:
    question = LineQuestion(
        rate=rate,
        arrival_scv=request.arrival_scv,
        most_wip=request.max_wip,
        cycle_time=request.cycle_time,
        share=request.quantile,
        throughput=request.throughput,
        unit_value=request.unit_value,
        wip_cost=request.wip_cost,
        shifts=shifts,
    )
    return LineReply(**plan_line(stations, question))


def _expect_distinct(names: list[str]) -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise InvalidInput.of(f"stations.{place}.name", "must be distinct", name)


def _station(fields: StationFields) -> Station:
    return Station(
        fields.name,
        fields.te,
        fields.ce2,
        fields.machines,
        math.inf if fields.mttf is None else fields.mttf,
        fields.mttr or 0.0,
        fields.setup,
        fields.setup_every,
        fields.batch,
    )
