"""Parts of replies about the repairs of an uploaded table, and about its event log."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Annotated

from pydantic import Field, with_config
from typing_extensions import TypedDict

from utils.api.replies.base import DOCUMENT, DateRange


@with_config(DOCUMENT)
class CountByTarget(TypedDict, total=False):
    """Numbers of values by column."""

    wip: Annotated[int, Field(description="of WIP")]
    throughput: Annotated[int, Field(description="of throughput")]
    cycle_time: Annotated[int, Field(description="of cycle time")]


@with_config(DOCUMENT)
class GapPlace(TypedDict, total=False):
    """Missing steps of one series."""

    series: Annotated[str, Field(description="plant / application / panel size")]
    after: Annotated[str, Field(description="last date before the gap")]
    before: Annotated[str, Field(description="first date after the gap")]
    steps: Annotated[int, Field(description="number of missing steps")]


@with_config(DOCUMENT)
class Gaps(TypedDict, total=False):
    """Missing steps, which were interpolated."""

    steps: Annotated[int, Field(description="missing steps of all series together")]
    places: Annotated[list[GapPlace], Field(description="the first of them")]


@with_config(DOCUMENT)
class Standstills(TypedDict, total=False):
    """Rows of hours and shifts that lacked as the plant stands still: throughput 0, WIP carried."""

    steps: Annotated[int, Field(description="rows of all series together")]
    places: Annotated[
        dict[str, list[str]],
        Field(description="of each plant: the places in the week, `Sat 06:00`"),
    ]
    spans: Annotated[
        dict[str, list[str]],
        Field(description="of each plant: the first ones beside closed days, `first/last`"),
    ]


@with_config(DOCUMENT)
class LawFigures(TypedDict, total=False):
    """Little's Law over windows of the data."""

    window_steps: Annotated[int, Field(description="steps of a window")]
    windows: Annotated[int, Field(description="number of windows")]
    median_compliance: Annotated[
        float | None, Field(description="median over the windows, from 0 to 1; null: no window")
    ]
    share_within_tolerance: Annotated[
        float | None, Field(description="share of windows that deviate by at most 20 %")
    ]
    verdicts: Annotated[dict[str, int], Field(description="number of series by verdict")]


@with_config(DOCUMENT)
class EventCycleTime(TypedDict, total=False):
    """Cycle times of the units of a log that have left."""

    unit: Annotated[str, Field(description="unit of the cycle times: the step of the series")]
    mean: Annotated[
        float | None, Field(description="mean, weighted by pieces; null: none has left")
    ]
    p50: Annotated[
        float | None, Field(description="cycle time that 50 % of the units do not exceed")
    ]
    p80: Annotated[
        float | None, Field(description="cycle time that 80 % of the units do not exceed")
    ]
    p85: Annotated[
        float | None, Field(description="cycle time that 85 % of the units do not exceed")
    ]
    p95: Annotated[
        float | None, Field(description="cycle time that 95 % of the units do not exceed")
    ]


@with_config(DOCUMENT)
class EventIdentity(TypedDict, total=False):
    """Little's Law over all steps of a log, counted exactly."""

    unit: Annotated[str, Field(description="of the figures: units × steps")]
    wip_integral: Annotated[float, Field(description="∫ WIP dt, from the series")]
    time_in_system_of_arrivals: Annotated[
        float,
        Field(description="from the units: of those that came, until they left or the log ends"),
    ]
    carry_in: Annotated[
        float, Field(description="time in it of units that were in process at its begin")
    ]
    overhang: Annotated[float, Field(description="time after its end of units in process there")]
    difference: Annotated[
        float,
        Field(description="∫ WIP dt − (time in system of arrivals + carry-in − overhang)"),
    ]
    holds: Annotated[bool, Field(description="true: the difference is at most 1e-9 of ∫ WIP dt")]


@with_config(DOCUMENT)
class EventLogAbout(TypedDict, total=False):
    """An event log: how it was read, and its units."""

    kind: Annotated[str, Field(description="`units`, `steps of units` or `changes of state`")]
    columns: Annotated[
        dict[str, str], Field(description="names of the columns that were read, by meaning")
    ]
    date_order: Annotated[
        str | None, Field(description="taken for dates such as 3/4/2024; null: none such")
    ]
    units: Annotated[int, Field(description="number of units, also of those outside the span")]
    units_left: Annotated[int, Field(description="units that have left before the end")]
    units_in_process: Annotated[int, Field(description="units in process at the end")]
    steps: Annotated[list[str], Field(description="names of the steps or states")]
    finish_steps: Annotated[
        list[str], Field(description="steps or states with which a unit has left")
    ]
    waiting_states: Annotated[
        list[str], Field(description="states in which a unit has not come yet")
    ]
    span: Annotated[DateRange, Field(description="first and last time that the log covers")]
    complete_from: Annotated[
        str,
        Field(
            description="first date at which WIP is right even if units that came before the log "
            "began were left out"
        ),
    ]
    cycle_time: Annotated[EventCycleTime, Field(description="of the units that have left")]
    littles_law: Annotated[EventIdentity, Field(description="Little's Law, exactly")]
    notes: Annotated[list[str], Field(description="what was assumed, as sentences")]


@with_config(DOCUMENT)
class UploadQuality(TypedDict, total=False):
    """Findings in an uploaded table, and the repairs that were made."""

    rows_received: Annotated[int, Field(description="rows of the table")]
    duplicates: Annotated[
        int, Field(description="rows replaced by a later row of the same series and date")
    ]
    blanks: Annotated[CountByTarget, Field(description="empty values by column")]
    negatives: Annotated[CountByTarget, Field(description="negative values, taken as empty")]
    ignored_columns: Annotated[list[str], Field(description="columns that were not read")]
    planned_steps: Annotated[
        int, Field(description="rows after the last actual one of their series: the plan")
    ]
    gaps: Annotated[Gaps, Field(description="missing steps")]
    standstills: Annotated[
        Standstills, Field(description="rows added of hours and shifts at which plants stand still")
    ]
    interpolated_values: Annotated[int, Field(description="values of WIP and throughput filled")]
    empty_series: Annotated[list[str], Field(description="series left out: no row was usable")]
    littles_law: Annotated[LawFigures, Field(description="Little's Law over windows")]
    event_log: Annotated[EventLogAbout, Field(description="of an event log: its units")]
