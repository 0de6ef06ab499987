"""Replies about the curve of a line, and about the WIP and the releases that meet a target."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Literal

from pydantic import Field

from utils.api.replies.base import Part, Reply


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
    elasticity: float | None = Field(
        description="percent of throughput that one more percent of WIP gives today; the rest "
        "lengthens cycle times"
    )
    state: Literal["starved", "balanced", "congested"] | None = Field(
        description="elasticity above 0.5 (WIP below the critical WIP), up to 0.1, or below 0.1"
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
    binds: Literal[
        "target", "cycle_time", "capacity", "history", "max_wip", "max_release_change"
    ] = Field(
        description="what keeps the answer from being better; history: no more than twice its "
        "highest WIP is advised, unless `maxWIP` allows more"
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
    cycle_time: Quantiles | None = Field(
        description="mean WIP ÷ throughput, in steps; null: nothing is finished on some path"
    )
    extrapolated: bool = Field(description="the median WIP gets beyond that of the history")
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
