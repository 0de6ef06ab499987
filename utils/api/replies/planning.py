"""Replies about plans: finish dates, outputs, curves, advice and lines of stations."""

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
    cycle_time: float = Field(description="mean time through the line")


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
    notes: list[str] = Field(description="what could not be computed, and why")


class FinishDates(Part):
    """Dates by which the work is finished with a probability; null: beyond the horizon."""

    p50: str | None = Field(description="with 50 %")
    p80: str | None = Field(description="with 80 %")
    p90: str | None = Field(description="with 90 %")
    p95: str | None = Field(description="with 95 %")


class OrderFinish(Part):
    """When an order is finished."""

    order: int = Field(description="place of the order in the request, from 0")
    plant: str = Field(description="name of the plant")
    application: str = Field(description="name of the application")
    panel_size: str = Field(description="name of the panel size")
    quantity: float = Field(description="units of the order")
    due: str | None = Field(description="as in the request")
    finish: FinishDates = Field(description="finish dates by their probability")
    on_time_probability: float | None = Field(
        description="probability to be finished by `due`; null: there is none"
    )
    beyond_horizon_probability: float = Field(
        description="probability to be finished only after the horizon"
    )


class AllOrders(Part):
    """When the last of all orders is finished."""

    finish: FinishDates = Field(description="finish dates by their probability")
    on_time_probability: float | None = Field(
        description="probability that every order with a due date meets it; null: none has one"
    )
    beyond_horizon_probability: float = Field(
        description="probability that one is finished only after the horizon"
    )
    correlation: float | None = Field(
        description="of the output of the series, as their history shows it; null: one series"
    )


class FinishReply(Reply):
    """Finish dates of orders."""

    model_id: str = Field(description="the model that made the sample paths")
    first_date: str = Field(description="date of the first step that is looked at")
    last_date: str = Field(description="date of the last step that was looked at")
    paths: int = Field(description="number of sample paths")
    orders: list[OrderFinish] = Field(description="one for each order, as in the request")
    all: AllOrders = Field(description="all orders together")


class FinishByUnits(Part):
    """Finish of a unit by the units ahead of it, first in, first out."""

    units_ahead: float = Field(description="units that leave before it")
    finish: FinishDates = Field(description="finish dates by their probability")
    beyond_horizon_probability: float = Field(description="to be finished only after the horizon")


class FinishByAge(Part):
    """Finish of a unit of its age, by how long units of the event log have stayed."""

    units: int = Field(description="units of the last year, whose stays are known")
    older_units: int = Field(description="those that stayed longer than the age")
    finish: FinishDates = Field(description="dates; null: those that have left do not tell it")


class UnitReply(Reply):
    """When a single unit is finished."""

    model_id: str = Field(description="the model that made the sample paths")
    started_on: str = Field(description="date on which it came, or comes, into the line")
    age: float = Field(description="days in the line at the end of the data")
    by_units_ahead: FinishByUnits | None = Field(
        description="null: how many units are ahead was not given"
    )
    by_age: FinishByAge | None = Field(
        description="null: no event log, or fewer than 30 units that stayed longer than its age"
    )


class OutputQuantiles(Part):
    """Units that are out; p10: fewer with a probability of 10 %."""

    p05: float = Field(description="5 % quantile, in units")
    p10: float = Field(description="10 % quantile")
    p20: float = Field(description="20 % quantile")
    p50: float = Field(description="median")
    p80: float = Field(description="80 % quantile")
    p90: float = Field(description="90 % quantile")
    p95: float = Field(description="95 % quantile")


class OutputBy(Part):
    """The units that are out by a date, from the first step on."""

    plant: str | None = Field(description="name of the plant; null: of all plants")
    application: str | None = Field(description="name of the application; null: of all")
    panel_size: str | None = Field(description="name of the panel size; null: of all")
    date: str = Field(description="as in the request")
    mean: float = Field(description="expected units")
    quantiles: OutputQuantiles = Field(description="units by their quantile")
    probability: float | None = Field(
        description="that at least `quantity` units are out; null: none was given"
    )


class OutputReply(Reply):
    """Units that are out by given dates."""

    model_id: str = Field(description="the model that made the sample paths")
    first_date: str = Field(description="date of the first step, whose output counts")
    paths: int = Field(description="number of sample paths")
    series: int = Field(description="number of series that count")
    correlation: float | None = Field(
        description="of the output of the series, as their history shows it; null: one series"
    )
    outputs: list[OutputBy] = Field(description="by group, and by date")


class Figure(Part):
    """An estimate with its 80 % interval."""

    value: float = Field(description="the estimate")
    lower: float | None = Field(description="lower end of the 80 % interval")
    upper: float | None = Field(description="upper end; null: the history does not bound it")


class CurvePoint(Part):
    """The line at a WIP."""

    wip: float = Field(description="units in process")
    throughput: float = Field(description="units per worked step")
    throughput_lower: float = Field(description="lower end of its 80 % interval")
    throughput_upper: float = Field(description="upper end")
    cycle_time: float = Field(description="mean time through the line, in worked steps")
    extrapolated: bool = Field(description="beyond the WIP of the history")


class CurveTimes(Part):
    """Cycle times at a throughput, with the WIP cap that gives it, in worked steps."""

    throughput: float = Field(description="units per worked step")
    wip: float = Field(description="the WIP cap")
    cycle_time: float = Field(description="mean")
    cycle_time_p50: float = Field(description="time that 50 % do not exceed")
    cycle_time_p80: float = Field(description="that 80 % do not exceed")
    cycle_time_p90: float = Field(description="that 90 % do not exceed")
    cycle_time_p95: float = Field(description="that 95 % do not exceed")


class CurveHistory(Part):
    """The history that a curve is fitted to."""

    first_date: str = Field(description="date of the first step that was used")
    last_date: str = Field(description="date of the last step")
    series: int = Field(description="number of series, summed")
    blocks: int = Field(description="weeks of days, or steps, that were used")
    wip_low: float = Field(description="mean WIP, exceeded by 90 % of the blocks")
    wip_high: float = Field(description="mean WIP, exceeded by 10 % of the blocks")
    wip_at_start: bool = Field(description="WIP was taken as that of each step's start")
    closed_weekdays: list[int] = Field(description="weekdays without output, Monday is 0")


class CurveToday(Part):
    """Where the line stands: the mean of the newest four blocks."""

    wip: float = Field(description="mean WIP")
    wip_now: float = Field(description="WIP at the end of the history")
    throughput: float = Field(description="units per worked step")
    releases: float = Field(description="units released per worked step")
    cycle_time: float | None = Field(
        description="WIP ÷ throughput, in worked steps; null: no output"
    )
    expected_throughput: float | None = Field(
        description="of the curve at that WIP; null: no curve"
    )


class CurveReply(Reply):
    """The curve of a line, or why there is none."""

    dataset_id: str = Field(description="data set with the history")
    status: Literal["ok", "inconclusive"] = Field(description="whether there is a curve")
    reason: str | None = Field(description="why there is none; null: there is one")
    capacity: Figure | None = Field(description="most units per worked step")
    critical_wip: Figure | None = Field(description="capacity × raw process time, in units")
    raw_process_time: Figure | None = Field(description="time through the empty line")
    congestion: float | None = Field(description="WIP of today ÷ critical WIP")
    state: Literal["starved", "balanced", "congested"] | None = Field(
        description="below 80 %, up to 95 %, or above 95 % of the capacity at the WIP of today"
    )
    lot: float | None = Field(
        description="units that would have to move together for the chance of the flow"
    )
    today: CurveToday = Field(description="where the line stands")
    history: CurveHistory = Field(description="what the curve is fitted to")
    points: list[CurvePoint] = Field(description="the curve; []: there is none")
    cycle_times: list[CurveTimes] = Field(description="cycle times by throughput; [] likewise")
    notes: list[str] = Field(description="what to bear in mind, as sentences")


class CycleTimes(Part):
    """Cycle times at a WIP cap, in steps, closed days counted."""

    mean: float = Field(description="mean")
    p50: float = Field(description="time that 50 % do not exceed")
    p80: float = Field(description="that 80 % do not exceed")
    p95: float = Field(description="that 95 % do not exceed")


class CapPlan(Part):
    """A line at a WIP cap."""

    wip_cap: float = Field(description="release while fewer units than this are in process")
    release_rate: float = Field(description="units per worked step that the cap lets in")
    release_rate_per_step: float = Field(description="the same, closed days counted")
    throughput: Figure = Field(description="units per step, closed days counted")
    cycle_time: CycleTimes = Field(description="of units that enter at the cap")
    probability: float = Field(description="that the target is met")


class OtherCap(CapPlan):
    """A cap beside the one advised, and what it costs."""

    allowed: bool = Field(description="whether the constraints allow it")
    throughput_change: float = Field(description="units per step, against the cap advised")
    cycle_time_change: float = Field(description="steps, mean, against the cap advised")
    probability_change: float = Field(description="of meeting the target")


class CapPath(Part):
    """The way from the WIP of today to the cap."""

    from_wip: float = Field(description="units in process now")
    to_wip: float = Field(description="the cap")
    action: Literal["fill", "drain", "hold"] = Field(
        description="release more, release nothing until WIP is at the cap, or neither"
    )
    steps: int | None = Field(description="until the median path is there; null: not in a year")


class NeededCapacity(Part):
    """The capacity that would meet a target which cannot be met."""

    capacity: float = Field(description="units per worked step")
    more: float = Field(description="relative to now; 0.1: ten per cent more")
    wip_cap: float = Field(description="the cap with it")


class Formula(Part):
    """The formula of a figure."""

    figure: str = Field(description="name of the figure")
    formula: str = Field(description="the formula")
    inputs: dict[str, float | None] = Field(description="values that went into it")


class AdviceReply(CapPlan, Reply):
    """The WIP cap and release rate for a target."""

    dataset_id: str = Field(description="data set with the history")
    feasible: bool = Field(
        description="whether the target is met with the probability wanted; false: the plan is "
        "the best that can be had"
    )
    binds: Literal["target", "cycle_time", "capacity", "max_wip", "max_release_change"] = Field(
        description="what keeps the answer from being better"
    )
    summary: str = Field(description="the advice in words")
    path: CapPath = Field(description="the way from the WIP of today to the cap")
    alternatives: list[OtherCap] = Field(description="a cap 10 % lower, and one 10 % higher")
    needed: NeededCapacity | None = Field(
        description="capacity that would do; null: the target is met, or none would do"
    )
    extrapolated: bool = Field(description="the cap lies beyond the WIP of the history")
    formulas: list[Formula] = Field(description="formula and inputs of the figures")
    notes: list[str] = Field(description="what to bear in mind, as sentences")


class Quantiles(Part):
    """A figure over all paths."""

    mean: float = Field(description="mean")
    p10: float = Field(description="10 % quantile")
    p50: float = Field(description="median")
    p90: float = Field(description="90 % quantile")


class ComparedPlan(Part):
    """A plan over the horizon."""

    name: str = Field(description="name of the plan")
    output: Quantiles = Field(description="units finished over the horizon")
    probability: float | None = Field(description="of at least `units`; null: none were given")
    mean_wip: Quantiles = Field(description="mean WIP over the horizon")
    wip_at_end: Quantiles = Field(description="WIP at the end of the horizon")
    cycle_time: Quantiles = Field(description="mean WIP ÷ throughput, in steps")
    output_change: float = Field(description="mean output, against the first plan")
    more_than_first: float = Field(
        description="probability of more output than the first plan, path by path"
    )
    wip_by_step: list[float] = Field(description="median WIP at the end of each step")
    throughput_by_step: list[float] = Field(description="median throughput of each step")


class CompareReply(Reply):
    """Plans side by side, from the same paths of chance."""

    dataset_id: str = Field(description="data set with the history")
    first_date: str = Field(description="date of the first step")
    last_date: str = Field(description="date of the last step")
    paths: int = Field(description="number of paths")
    plans: list[ComparedPlan] = Field(description="each plan, in the order of the request")
