"""Replies about a line of stations."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Literal

from pydantic import Field

from utils.api.replies.base import Part, Reply


class RankedStation(Part):
    """A station by its utilisation."""

    station: str = Field(description="name of the station")
    utilization: float = Field(description="share of its machines' time that is taken")
    capacity: float = Field(description="most jobs per unit of time")


class StationReport(Part):
    """A station at the release rate; null where it is at or beyond its capacity."""

    name: str = Field(description="name of the station")
    machines: int = Field(description="number of machines")
    capacity: float = Field(description="most jobs per unit of time")
    availability: float = Field(description="share of the time without breakdowns")
    effective_time: float = Field(
        description="mean time of a batch on a machine, with breakdowns and setups"
    )
    effective_scv: float = Field(description="its variance ÷ its square")
    utilization: float = Field(description="share of the machines' time that is taken")
    arrival_scv: float = Field(description="variance of the times between arrivals ÷ mean squared")
    departure_scv: float = Field(description="likewise of departures, passed on to the next")
    batching_time: float = Field(description="mean wait until a batch is complete")
    queue_time: float | None = Field(description="mean wait for a machine")
    process_time: float = Field(description="mean time on the machine")
    cycle_time: float | None = Field(description="mean time at the station")
    wip: float | None = Field(description="mean number of jobs at the station")


class WholeLine(Part):
    """The whole line at the release rate; null where a station is at its capacity."""

    wip: float | None = Field(description="mean number of jobs in the line")
    cycle_time: float | None = Field(description="mean time through the line")
    cycle_time_p50: float | None = Field(description="time that 50 % of jobs do not exceed")
    cycle_time_p80: float | None = Field(description="that 80 % do not exceed")
    cycle_time_p90: float | None = Field(description="that 90 % do not exceed")
    cycle_time_p95: float | None = Field(description="that 95 % do not exceed")


class LargestRelease(Part):
    """The largest release rate at which cycle times stay within a limit."""

    cycle_time: float = Field(description="the limit")
    quantile: float = Field(description="share of cycle times within it")
    release_rate: float = Field(description="jobs per unit of time; 0: not at any rate")


class Improvement(Part):
    """A change of a station, and the whole line with it."""

    station: str = Field(description="name of the station")
    kind: Literal["machine", "shift", "shorter_stops", "smaller_batch"] = Field(
        description="kind of the change"
    )
    change: str = Field(description="the change in words")
    capacity: float = Field(description="of the line, in jobs per unit of time")
    cycle_time: float | None = Field(
        description="mean time through the line; null: a station is still at its capacity"
    )
    wip: float | None = Field(description="mean number of jobs in the line; null likewise")


class LineCap(Part):
    """The smallest WIP cap for a throughput."""

    for_throughput: float = Field(description="the throughput wanted")
    wip: int | None = Field(description="jobs; null: not reached by any WIP of the curve")
    throughput: float = Field(description="at that cap, or else the most of the curve")
    cycle_time: float = Field(description="mean time through the line at that cap")


class BestProfit(Part):
    """The WIP of the largest profit: unitValue × throughput − wipCost × WIP."""

    wip: int = Field(description="jobs")
    profit: float = Field(description="per unit of time")
    throughput: float = Field(description="jobs per unit of time")


class LinePoint(Part):
    """A line at a WIP cap."""

    wip: int = Field(description="jobs in the line")
    throughput: float = Field(description="jobs per unit of time")
    cycle_time: float | None = Field(description="mean time through the line; null: it stops")


class LineReply(Reply):
    """A line of stations at a release rate."""

    release_rate: float = Field(description="jobs released per unit of time")
    feasible: bool = Field(description="whether every station can keep up with the release rate")
    capacity: float = Field(description="of the bottleneck, in jobs per unit of time")
    raw_process_time: float = Field(description="time through the line without any queue")
    critical_wip: float = Field(
        description="capacity × raw process time: jobs that a line without variability needs"
    )
    bottleneck: RankedStation = Field(description="the most utilised station")
    runner_up: RankedStation | None = Field(description="the next one; null: there is no other")
    stations: list[StationReport] = Field(description="each station, in the order of the request")
    line: WholeLine = Field(description="the whole line")
    largest_release: LargestRelease | None = Field(description="null: no cycleTime was given")
    improvements: list[Improvement] = Field(
        description="changes of the two most utilised stations, the shortest cycle time first"
    )
    wip_cap: LineCap | None = Field(description="null: there is no curve")
    best_profit: BestProfit | None = Field(
        description="null: no unitValue was given, or there is no curve"
    )
    curve: list[LinePoint] | None = Field(description="each WIP cap up to maxWIP; null: see notes")
    notes: list[str] = Field(description="how the curve was computed, or why there is none")
