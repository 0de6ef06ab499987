"""Replies about finish dates and outputs."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.

from pydantic import Field

from utils.api.replies.base import Part, Reply


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
    warnings: list[str] = Field(description="series whose rows end before those of others")


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
    warnings: list[str] = Field(description="series whose rows end before those of others")
