"""Replies about the flow of a data set. Times in process are in steps of its series."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Literal

from pydantic import Field

from utils.api.replies.base import DateRange, Part, Reply, Step


class CumulativeFlow(Part):
    """Cumulative flow, one value a step. Arrivals − departures is WIP."""

    date: list[str] = Field(
        description="dates of the steps; of hours and shifts with the time at which they begin"
    )
    arrivals: list[float] = Field(description="units that have come up to the end of the step")
    departures: list[float] = Field(description="units that have left up to the end of the step")
    wip: list[float] = Field(description="units in process at the end of the step")
    wip_mean: list[float] | None = Field(
        default=None, description="time average of WIP over the step; null: not known of rows"
    )
    releases: list[float] | None = Field(
        default=None, description="units that came in the step; null: not known of rows"
    )


class FlowPercentiles(Part):
    """Cycle times that a share of the units did not exceed, in steps."""

    p50: float | None = Field(default=None, description="50 % of the units")
    p80: float | None = Field(default=None, description="80 % of the units")
    p85: float | None = Field(default=None, description="85 % of the units")
    p95: float | None = Field(default=None, description="95 % of the units")


class FlowPoint(Part):
    """The cycle time of a unit, or, of rows, the mean of a step."""

    unit: str | None = Field(default=None, description="identifier; null: the mean of a step")
    finish: str = Field(description="when it left")
    cycle_time: float = Field(description="time in process, in steps")


class FlowCycleTimes(Part):
    """Cycle times of what left in the span."""

    units: float = Field(description="units that left")
    mean: float | None = Field(description="mean in steps; null: nothing left")
    percentiles: FlowPercentiles = Field(description="of the cycle times")
    points: list[FlowPoint] = Field(description="at most 2,000, spread evenly over the span")


class AgeingUnit(Part):
    """A unit in process."""

    unit: str = Field(description="identifier")
    start: str = Field(description="when it came")
    age: float = Field(description="time since then, in steps")
    share_that_left_sooner: float = Field(
        description="share of the units that left which took less than its age, from 0 to 1"
    )


class Ageing(Part):
    """Units in process at the end of the span."""

    as_of: str = Field(description="end of the span")
    units: int = Field(description="units in process")
    mean_age: float | None = Field(description="in steps; null: nothing is in process")
    older_than: float | None = Field(description="the 85 % point of the cycle times, in steps")
    older_units: int | None = Field(description="units that are older than it; null: none left")
    oldest: list[AgeingUnit] = Field(description="the oldest, at most 1,000")


class ThroughputDistribution(Part):
    """Throughput of the steps of the span."""

    mean: float = Field(description="units a step")
    median: float = Field(description="units a step")
    p15: float = Field(description="15 % of the steps had at most this")
    p85: float = Field(description="85 % of the steps had at most this")
    at_least: list[float] = Field(description="lower bounds of the classes")
    below: list[float] = Field(description="upper bounds of the classes")
    steps: list[int] = Field(description="steps in each class")


class FlowLaw(Part):
    """Little's Law over the span, counted exactly."""

    unit: str = Field(description="of the figures: units × steps")
    wip_integral: float = Field(description="∫ WIP dt, from the series")
    time_in_system_of_arrivals: float = Field(description="of the units that came in the span")
    carry_in: float = Field(description="time in it of units in process at its begin")
    overhang: float = Field(description="time after its end of units in process there")
    difference: float = Field(
        description="∫ WIP dt − (time in system of arrivals + carry-in − overhang)"
    )
    holds: bool = Field(description="true: the difference is at most 1e-9 of ∫ WIP dt")


class FlowStation(Part):
    """A station (operation, state) of a log of steps, over the span."""

    step: str = Field(description="its name")
    units: float = Field(description="units that it finished")
    throughput: float = Field(description="units a step of the series")
    wip: float = Field(description="mean number of units there: waiting and in service")
    wip_waiting: float = Field(description="mean number of units that wait for it")
    wip_in_service: float = Field(description="mean number of units that it serves")
    waiting_time: float = Field(description="mean waiting time of a unit, in steps of the series")
    service_time: float = Field(description="mean service time of a unit, in steps of the series")
    waiting_share: float = Field(description="its share of the waiting time of all stations")


class FlowStations(Part):
    """The stations of a log of steps."""

    most_waiting: str | None = Field(
        description="the station with the highest share of the waiting; null: nothing waits"
    )
    waiting_share: float | None = Field(
        description="share of the time at stations that is waiting; null: no time is known"
    )
    stations: list[FlowStation] = Field(description="those with the most waiting first")


class FlowReply(Reply):
    """The flow of a data set."""

    dataset_id: str = Field(description="id of the data set")
    source: Literal["units", "rows"] = Field(
        description="`units`: of its event log; `rows`: it has none, figures are those of steps"
    )
    step: Step = Field(description="unit of all times in process")
    span: DateRange = Field(description="first and last time of the figures")
    cumulative_flow: CumulativeFlow = Field(description="arrivals, departures and WIP")
    cycle_times: FlowCycleTimes = Field(description="cycle times of what left")
    ageing: Ageing | None = Field(default=None, description="what is in process; null: of rows")
    throughput: ThroughputDistribution = Field(description="histogram of the throughput of steps")
    littles_law: FlowLaw | None = Field(default=None, description="exactly; null: of rows")
    stations: FlowStations | None = Field(default=None, description="null: a log without steps")
    notes: list[str] = Field(description="what was assumed, as sentences")
