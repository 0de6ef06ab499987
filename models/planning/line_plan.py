"""A line of stations at a release rate: bottleneck, what would help, and its WIP cap.

Each improvement is the whole line computed anew with one station changed, so that what it does to
the stations behind is in it, too.

    >>> line = [Station("cut", te=1.0), Station("drill", te=1.2)]
    >>> found = plan_line(line, LineQuestion(rate=0.7))
    >>> found["bottleneck"]["station"], found["improvements"][0]["kind"]
    ('drill', 'machine')
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from models.planning.batched_line import batched_line, least_running
from models.planning.closed_line import ClosedLine, closed_line
from models.planning.queueing import (
    Station,
    StationFlow,
    cycle_times,
    flow_through,
    largest_rate,
)

SHARES = {"p50": 0.5, "p80": 0.8, "p90": 0.9, "p95": 0.95}
_IMPROVED = 2  # stations: the bottleneck and the runner-up
MOST_SHIFTS = 3


@dataclass(frozen=True)
class LineQuestion:
    """The questions to a line. Times and rates in one unit of time, the caller's.

    Attributes:
        rate: jobs released per unit of time.
        arrival_scv: c² of the times between releases.
        most_wip: largest WIP of the curve with a cap.
        cycle_time: limit that a `share` of cycle times must stay within; None: no limit.
        throughput: that a WIP cap is wanted for; None: the release rate.
        unit_value, wip_cost: of a finished job, and of a job in process per unit of time.
        shifts: worked now at each station, by its name, where more could be worked.
    """

    rate: float
    arrival_scv: float = 1.0
    most_wip: int = 100
    cycle_time: float | None = None
    share: float = 0.9
    throughput: float | None = None
    unit_value: float | None = None
    wip_cost: float | None = None
    shifts: tuple[tuple[str, int], ...] = ()


def plan_line(stations: Sequence[Station], question: LineQuestion) -> dict[str, Any]:
    """Return the fields of the reply about a line."""
    flows = flow_through(stations, question.rate, question.arrival_scv)
    ranked = sorted(flows, key=lambda flow: -flow.utilization)
    curve, notes = _curve(stations, question.most_wip)
    capacity = ranked[0].station.capacity
    raw_time = sum(flow.process_time for flow in flows)
    runner_up = ranked[1] if len(ranked) > 1 else None
    return {
        "release_rate": question.rate,
        "feasible": ranked[0].utilization < 1,
        "capacity": capacity,
        "raw_process_time": raw_time,
        "critical_wip": capacity * raw_time,
        "bottleneck": _ranked(ranked[0]),
        "runner_up": runner_up and _ranked(runner_up),
        "stations": [_figures(flow) for flow in flows],
        "line": _whole(flows),
        "largest_release": _largest(stations, question),
        "improvements": _improvements(stations, ranked[:_IMPROVED], question),
        "wip_cap": curve and _cap(curve, question),
        "best_profit": curve and _profit(curve, question),
        "curve": curve and _points(curve),
        "notes": notes,
    }


def _curve(stations: Sequence[Station], most_wip: int) -> tuple[ClosedLine | None, list[str]]:
    """The line at each WIP cap, and what is to be known about it."""
    batches = [station.batch for station in stations if station.batch > 1]
    if not batches:
        return closed_line(stations, most_wip), []
    least = least_running(batches)
    stops = f"With fewer than {least} jobs, incomplete batches can stop the line for good"
    found = batched_line(stations, most_wip)
    if found is None:
        return None, [f"{stops}, and maxWIP is {most_wip}: there is no curve with a WIP cap."]
    notes = [
        f"The curve with a WIP cap is simulated, as stations process batches: {found.caps} caps, "
        f"with a standard error of the throughput of up to {found.error:.1%}."
    ]
    return found.line, [*notes, f"{stops}: the curve has no throughput there."]


def _points(curve: ClosedLine) -> list[dict[str, Any]]:
    columns = zip(curve.throughput.tolist(), curve.cycle_time.tolist(), strict=True)
    return [
        {"wip": wip, "throughput": rate, "cycle_time": _finite(time)}
        for wip, (rate, time) in enumerate(columns, start=1)
    ]


def _ranked(flow: StationFlow) -> dict[str, Any]:
    return {
        "station": flow.station.name,
        "utilization": flow.utilization,
        "capacity": flow.station.capacity,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _figures(flow: StationFlow) -> dict[str, Any]:
    station = flow.station
    return {
        "name": station.name,
        "machines": station.machines,
        "capacity": station.capacity,
        "availability": station.availability,
        "effective_time": station.batch_time,
        "effective_scv": station.batch_scv,
        "utilization": flow.utilization,
        "arrival_scv": flow.arrival_scv,
        "departure_scv": flow.departure_scv,
        "batching_time": flow.batching_time,
        "queue_time": _finite(flow.queue_time),
        "process_time": flow.process_time,
        "cycle_time": _finite(flow.cycle_time),
        "wip": _finite(flow.wip),
    }


def _whole(flows: Sequence[StationFlow]) -> dict[str, Any]:
    """Cycle time and WIP of a line; null where a station is at its capacity."""
    names = ("wip", "cycle_time", *(f"cycle_time_{name}" for name in SHARES))
    if any(flow.utilization >= 1 for flow in flows):
        return dict.fromkeys(names)
    times = cycle_times(flows)
    figures = [sum(flow.wip for flow in flows), times.mean, *map(times.quantile, SHARES.values())]
    return dict(zip(names, figures, strict=True))


def _largest(stations: Sequence[Station], question: LineQuestion) -> dict[str, Any] | None:
    """The largest release rate within the limit of cycle times."""
    if question.cycle_time is None:
        return None
    rate = largest_rate(stations, question.cycle_time, question.share, question.arrival_scv)
    return {"cycle_time": question.cycle_time, "quantile": question.share, "release_rate": rate}


def _cap(curve: ClosedLine, question: LineQuestion) -> dict[str, Any]:
    """The smallest WIP cap for a throughput, else the most that the curve reaches."""
    wanted = question.throughput or question.rate
    wip = curve.least_wip(wanted)
    place = (wip or len(curve.throughput)) - 1
    return {
        "for_throughput": wanted,
        "wip": wip,
        "throughput": float(curve.throughput[place]),
        "cycle_time": float(curve.cycle_time[place]),
    }


def _profit(curve: ClosedLine, question: LineQuestion) -> dict[str, Any] | None:
    if question.unit_value is None or question.wip_cost is None:
        return None
    wip, profit = curve.best_wip(question.unit_value, question.wip_cost)
    return {"wip": wip, "profit": profit, "throughput": float(curve.throughput[wip - 1])}


def _improvements(
    stations: Sequence[Station], ranked: Sequence[StationFlow], question: LineQuestion
) -> list[dict[str, Any]]:
    """Changes of the most utilised stations, those that leave the shortest cycle time first."""
    found = []
    for flow in ranked:
        for kind, sentence, better in _changes(flow.station, dict(question.shifts)):
            line = [better if station is flow.station else station for station in stations]
            whole = _whole(flow_through(line, question.rate, question.arrival_scv))
            capacity = min(station.capacity for station in line)
            found.append(
                {
                    "station": flow.station.name,
                    "kind": kind,
                    "change": sentence,
                    "capacity": capacity,
                    "cycle_time": whole["cycle_time"],
                    "wip": whole["wip"],
                }
            )
    return sorted(found, key=lambda change: (change["cycle_time"] or math.inf, -change["capacity"]))


def _changes(station: Station, shifts: dict[str, int]) -> Iterator[tuple[str, str, Station]]:
    """Yield (kind, sentence, changed station)."""
    more = station.machines + 1
    yield "machine", f"{more} machines in place of {more - 1}", replace(station, machines=more)
    worked = shifts.get(station.name)
    if worked is not None and worked < MOST_SHIFTS:
        share = worked / (worked + 1)
        faster = replace(
            station,
            te=station.te * share,
            setup=station.setup * share,
            mttr=station.mttr * share,
            mttf=station.mttf * share,
        )
        yield "shift", f"{worked + 1} shifts in place of {worked}", faster
    if station.mttr > 0:
        shorter = replace(station, mttr=station.mttr / 2, mttf=station.mttf / 2)
        text = f"stops half as long ({shorter.mttr:g}) and twice as often, at equal availability"
        yield "shorter_stops", text, shorter
    if station.batch > 1:
        half = -(-station.batch // 2)
        smaller = replace(station, batch=half)
        yield "smaller_batch", f"batches of {half} in place of {station.batch}", smaller
