"""The service's speed beside its peers: `python -m benchmarks.speed [PART …]`; `--help` tells more.

Every figure is a ratio of one run: who is compared takes turns.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from tempfile import TemporaryDirectory

import click

from benchmarks.speed.contender import ONE_THREAD, ROOT, Contender, rounds
from benchmarks.speed.table import Row, markdown
from utils.process_limits import ARROW_POOL

_TFJS = ROOT / "benchmarks" / "speed" / "tfjs"


def training(turns: int) -> list[Row]:
    """The default training job beside Keras, PyTorch and TensorFlow.js."""
    makers = {
        "ours": _module("trainers", "ours", **ONE_THREAD),
        "keras": _module("trainers", "keras"),
        "torch": _module("trainers", "torch"),
    }
    if _has_tfjs():
        makers["tfjs"] = lambda: Contender(["node", "train.js"], _TFJS)
    found = rounds(makers, turns, "samples_per_second")
    peers = {
        "keras": ("Keras `fit`, both cores", 5),
        "torch": ("PyTorch `nn.LSTM`, both cores", 1.5),
        "tfjs": ("TF.js in Node, CPU backend", 100),
    }
    notes = {
        "keras": "an epoch with the look at the held-back end that follows it",
        "tfjs": "without that look, and of the names as they are",
    }
    work, listed = "default training job, one core", []
    for name in filter(found.__contains__, peers):
        peer, wanted = peers[name]
        note = notes.get(name, "")
        rates = found["ours"], found[name]
        listed.append(Row(work, peer, *rates, "samples/s", wanted, note=note))
    return listed


def _module(module: str, *arguments: str, **environment: str) -> Callable[[], Contender]:
    return lambda: Contender.of_module(module, *arguments, **environment)


def _has_tfjs() -> bool:
    if shutil.which("npm") is None:
        click.echo("No npm here: TensorFlow.js is left out.", err=True)
        return False
    if not (_TFJS / "node_modules").exists():
        subprocess.run(["npm", "install", "--silent"], cwd=_TFJS, check=True)
    return True


def two_at_once(turns: int) -> list[Row]:
    """Two models trained side by side, and one alone."""
    alone, together = [], []
    make = _module("trainers", "ours", **ONE_THREAD)
    with make() as first, make() as second:
        for turn in range(turns + 1):
            single = first.work()["samples_per_second"]
            for each in (first, second):
                each.begin()
            both = sum(each.end()["samples_per_second"] for each in (first, second))
            if turn:
                alone.append(single)
                together.append(both)
    work = "two models trained at once on two cores"
    return [Row(work, "one model", together, alone, "samples/s", 1.8)]


def forecasting(turns: int) -> list[Row]:
    """The model function alone, beside the same roll-out by Keras; one series and all 36."""
    names = ("predict", "function")
    makers = {name: _module("forecasters", name, **ONE_THREAD) for name in names}
    for kind in ("ours", "combined"):
        for count in (1, 36):
            makers[f"{kind} {count}"] = _module(
                "forecasters", kind, f"series={count}", **ONE_THREAD
            )
    found = rounds(makers, turns, "milliseconds")
    times = {name: [1 / value for value in values] for name, values in found.items()}
    work = "30-day forecast, model function alone"
    rate = "forecasts/ms"
    return [
        Row(work, "Keras `predict()`", times["ours 1"], times["predict"], rate, 500),
        Row(work, "`tf.function`", times["ours 1"], times["function"], rate, 20),
        Row("36 series at once, LSTM alone",
            "one series", found["ours 36"], found["ours 1"],
            "ms", 4, False),
        Row("36 series at once, three members", "one series", found["combined 36"],
            found["combined 1"], "ms", 4, False),
    ]  # fmt: skip


def http(turns: int) -> list[Row]:
    """Over HTTP, beside a bare Flask view; while a model trains; until the first epoch."""
    from benchmarks.speed import over_http

    return over_http.rows(turns)


def data(turns: int) -> list[Row]:
    """Generating and uploading; memory of a training on a million rows."""
    from benchmarks.speed.pipelines import TIMES

    makers = {name: _module("pipelines", name) for name in ("generated", "by_rows")}
    found = rounds(makers, turns, "seconds")
    ours, theirs = [TIMES / value for value in found["generated"]], found["by_rows"]
    listed = [
        Row("generating the default data", "a Python loop over rows", ours,
            [1 / value for value in theirs], "times/s", 20, note=f"{TIMES} times a turn")
    ]  # fmt: skip
    return [*listed, *_linear(min(turns, 3)), *_uploads(turns), *_million(min(turns, 3))]


def _linear(turns: int) -> list[Row]:
    sizes = {"1 million": 1_000_000, "10 million": 10_000_000}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in sizes}
    for _ in range(turns):
        for name, rows in sizes.items():
            with Contender.of_module("pipelines", "stored", str(rows), **ARROW_POOL) as contender:
                answer = contender.work()
                found[name].append((answer["seconds"] / rows * 1e6, answer["megabytes"]))
    (small, large), peer = found.values(), "1 million rows"
    return [
        Row("generating and storing 10 million rows, time a row", peer, [t for t, _ in large],
            [t for t, _ in small], "µs", 1.2, False),
        Row("generating and storing 10 million rows, memory", peer, [m for _, m in large],
            [m for _, m in small], "MB", 1.5, False),
    ]  # fmt: skip


def _uploads(turns: int) -> list[Row]:
    from benchmarks.speed.pipelines import csv_of

    with TemporaryDirectory() as folder:
        path = str(csv_of(1_000_000, folder))
        makers = {
            "uploaded": _module("pipelines", "uploaded", path, **ARROW_POOL),
            "by_pandas": _module("pipelines", "by_pandas", path),
        }
        found = rounds(makers, turns, "seconds")
        memory = {}
        for name, make in makers.items():
            with make() as contender:
                memory[name] = [contender.work()["megabytes"]]
    peer = "`pandas.read_csv` + `to_parquet`"
    return [
        Row("upload of a 1-million-row CSV", peer, found["uploaded"], found["by_pandas"], "s", 2,
            False, "checked, cleaned, judged by Little's Law, stored"),
        Row("memory of that upload", peer, memory["uploaded"], memory["by_pandas"], "MB"),
    ]  # fmt: skip


def _million(turns: int) -> list[Row]:
    taken, table = [], []
    for _ in range(turns):
        make = _module("pipelines", "trained", "1000000", **ONE_THREAD, **ARROW_POOL)
        with make() as contender:
            answer = contender.work()
            taken.append(answer["megabytes"])
            table.append(answer["table"])
    work = "training on 1 million rows, memory beyond the process"
    return [Row(work, "the table in pandas", taken, table, "MB", 3, False)]


def start(turns: int) -> list[Row]:
    """Start to /health; memory with 20 models."""
    from benchmarks.speed import starting

    return starting.rows(turns)


def threads(turns: int) -> list[Row]:
    """One thread or two for a training, by units and batch."""
    found = []
    for units, batch in ((64, 32), (64, 512), (128, 32), (128, 128), (256, 32), (256, 512)):
        given = [f"lstm_units1={units}", f"lstm_units2={units // 2}", f"batch_size={batch}"]
        makers = {
            count: _module("trainers", "ours", *given, **dict.fromkeys(ONE_THREAD, count))
            for count in ("1", "2")
        }
        rates = rounds(makers, turns, "samples_per_second")
        work = f"two threads, {units} / {units // 2} units, batches of {batch}"
        found.append(Row(work, "one thread", rates["2"], rates["1"], "samples/s"))
    return found


_PARTS = {
    part.__name__: part for part in (training, two_at_once, forecasting, http, data, start, threads)
}


@click.command(epilog="Parts: " + ", ".join([*_PARTS, "growth"]))
@click.argument("parts", nargs=-1, type=click.Choice([*_PARTS, "growth"]))
@click.option("--turns", default=5, show_default=True, help="Runs of each.")
def main(parts: tuple[str, ...], turns: int) -> None:
    """Measure PARTS (all but the plots of growth, by default) and print them as one table."""
    chosen = parts or tuple(_PARTS)
    click.echo(f"{datetime.now(UTC):%Y-%m-%d}, {turns} turns\n")
    rows = [row for name in chosen if name in _PARTS for row in _PARTS[name](turns)]
    if rows:
        click.echo(markdown(rows))
    if "growth" in chosen:
        from benchmarks.speed import growth

        click.echo("\n".join(growth.plots(turns)))


if __name__ == "__main__":
    main()
