"""The service's forecasts and those of its peers, on the same splits: a table per data set.

python -m benchmarks.accuracy                          the generator's default data and the M3 table
python -m benchmarks.accuracy generated --seed 1 2 --noise 0.5 --series 4 --days 2000
python -m benchmarks.accuracy noise walk --only last-value mean service
python -m benchmarks.accuracy adversarial --kinds constant lumpy --only last-value service
python -m benchmarks.accuracy --table my.csv --cache folder --json scores.json
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from benchmarks.accuracy import adversarial, datasets, methods, report, scores
from benchmarks.accuracy.datasets import DataSet
from benchmarks.accuracy.protocol import Cache, run
from utils.errors import ServiceError

_SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
_M3_HELD_BACK = 24  # months
_KINDS = ("generated", "m3", "itsm", "hospital", "noise", "walk", "adversarial")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", nargs="*", help=f"any of {', '.join(_KINDS)} (generated m3)")
    parser.add_argument("--table", nargs="+", type=Path, default=[], help="tables of your own")
    parser.add_argument("--seed", nargs="+", type=int, default=[1], help="of artificial data (1)")
    parser.add_argument("--noise", type=float, help="noise level of generated data")
    parser.add_argument("--series", type=int, help="number of generated series")
    parser.add_argument("--days", type=int, help="number of generated days")
    parser.add_argument("--m3", type=Path, default=_SHARED / "m3_monthly.csv", help="its table")
    parser.add_argument("--itsm", type=Path, default=_SHARED / "itsm_daily.csv", help="its table")
    parser.add_argument(
        "--hospital", type=Path, default=_SHARED / "hospital_stays.csv", help="its table of stays"
    )
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=adversarial.KINDS,
        default=list(adversarial.KINDS),
        metavar="KIND",
        help=f"of adversarial series: any of {', '.join(adversarial.KINDS)} (all)",
    )
    parser.add_argument("--only", nargs="+", choices=methods.NAMES, default=list(methods.NAMES))
    parser.add_argument("--method-seed", type=int, default=1, help="seed of the methods (1)")
    parser.add_argument("--json", type=Path, help="file to write all scores to")
    parser.add_argument("--cache", type=Path, help="folder to keep the peers' forecasts in")
    return parser


def _data_sets(given: argparse.Namespace) -> Iterator[DataSet]:
    kinds = given.data or ([] if given.table else ["generated", "m3"])
    for kind in kinds:
        if kind == "m3":
            yield datasets.table(given.m3, "M3, monthly", _M3_HELD_BACK)
        elif kind == "itsm":
            yield datasets.table(given.itsm, "ITSM, daily")
        elif kind == "hospital":
            yield datasets.stays(given.hospital, "Hospital")
        else:
            for seed in given.seed:
                if kind == "adversarial":
                    yield from (adversarial.build(name, seed) for name in given.kinds)
                elif kind == "generated":
                    yield datasets.generated(seed, given.noise, given.series, given.days)
                else:
                    yield {"noise": datasets.noise, "walk": datasets.walk}[kind](seed)
    for path in given.table:
        yield datasets.table(path)


def _compare(data: DataSet, given: argparse.Namespace) -> dict[str, Any]:
    found = {}
    for name in given.only:
        print(f"{data.name}: {name} …", file=sys.stderr, flush=True)
        try:
            found[name] = _judge(name, data, given)
        except (ServiceError, ValueError) as error:
            if not adversarial.is_one(data):
                raise
            found[name] = {"failed": str(error)}
    return found


def _judge(name: str, data: DataSet, given: argparse.Namespace) -> dict[str, Any]:
    method = methods.method(name, data.pace.season, given.method_seed)
    result = Cache(given.cache).run(name, method, data) if given.cache else run(method, data)
    return scores.judge(data, result)


def main(arguments: list[str] | None = None) -> None:
    """Compare the methods on each data set; print its table as soon as it is there."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if unknown := set(given.data) - set(_KINDS):
        parser.error(f"data must be of {', '.join(_KINDS)}; got {', '.join(sorted(unknown))}")
    warnings.filterwarnings("ignore", category=FutureWarning)  # the peers', of each other
    document, awkward = {}, {}
    with threadpool_limits(1):
        try:
            for data in _data_sets(given):
                document[data.name] = _compare(data, given)
                if adversarial.is_one(data):
                    awkward[data.name] = document[data.name]
                else:
                    print(report.document(data, document[data.name]), end="\n\n", flush=True)
                if given.json:
                    given.json.write_text(json.dumps(document, indent=1, allow_nan=False))
        except (ServiceError, OSError) as error:
            parser.exit(1, f"{error}\n")
    if awkward:
        print(report.adversarial(awkward), end="\n\n")


if __name__ == "__main__":
    main()
