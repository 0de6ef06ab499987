"""The whole service checked against itself: every document, file and job, and the database."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from models.data.datasets import Datasets
from models.jobs.jobs import Jobs
from models.maintenance import jobs_check, restore
from models.maintenance.findings import Report
from models.maintenance.repair import DERIVED, rebuild, remove, set_aside, sweep, withdraw
from models.registry.registry import CHECKPOINT, backtest_store, model_store
from utils.errors import DamagedFile, NotFound
from utils.settings import Settings
from utils.storage.artifact_reader import DOCUMENT, MISSING
from utils.storage.artifact_store import ArtifactStore
from utils.storage.files import is_old

Tell = Callable[[str], None]
Bad = dict[str, str]  # suffix of a file → what is wrong with it

_SOURCES = (".keras", ".h5")
_UNREADABLE = "See to the permissions of the file, and to the health of its disk."


def verify(settings: Settings, tell: Tell = lambda what: None) -> Report:
    """Check everything; nothing is changed.

    It may run while the service runs: what is being published or deleted meanwhile is no finding.

    Args:
        tell: told what is being looked at.

    Raises:
        Unavailable: a store or the database cannot be reached.
    """
    report = Report()
    models = model_store(settings.model_location)
    datasets = Datasets(settings.data_location, 0, 0)
    tell("the database")
    jobs = jobs_check.open_jobs(settings, report)
    try:
        # The jobs first: a job that had succeeded by then has its model now.
        found = jobs_check.read(jobs) if jobs else jobs_check.NONE
        backtests = backtest_store(settings.model_location)
        _StoreCheck(models, report, tell, jobs, _judge_model).go()
        _StoreCheck(datasets.store, report, tell, jobs, _judge_whole, _rows).go()
        _StoreCheck(backtests, report, tell, jobs, _judge_whole).go()
        jobs_check.judge(found, jobs, models, datasets.store, report)
    finally:
        if jobs:
            jobs.engine.dispose()
    restore.look(settings, report)
    return report


Judge = Callable[[ArtifactStore, str, Bad, Report], None]
# (document, file) → what is wrong with a file that is what was published, if anything.
Examine = Callable[[dict[str, object], Path], str | None]


class _StoreCheck:
    """The check of one store."""

    def __init__(
        self,
        store: ArtifactStore,
        report: Report,
        tell: Tell,
        jobs: Jobs | None,
        judge: Judge,
        examine: Examine = lambda document, path: None,
    ) -> None:
        self._store, self._report, self._tell = store, report, tell
        self._jobs, self._judge, self._examine = jobs, judge, examine

    def go(self) -> None:
        """Check every thing of it, then what belongs to nothing."""
        store, noun = self._store, self._store.noun
        for id in store.ids():
            self._tell(f"{noun} {id}")
            try:
                self._thing(id)
            except NotFound:  # deleted meanwhile
                continue
            except DamagedFile as error:
                self._document(id, error)
            self._report.checked[f"{noun}s"] += 1
        self._left_behind()

    def _document(self, id: str, error: DamagedFile) -> None:
        """A document that tells nothing of its thing."""
        name, said = f"{self._store.noun} {id}", f"{error.message.split('. ')[0]}."
        if _is_unreadable(error):
            self._report.problem(name, said, _UNREADABLE)
            return
        mend = partial(set_aside, self._store, id)
        self._report.problem(name, said, "Restore it from a backup, or make it again.", mend)

    def _thing(self, id: str) -> None:
        store, bad = self._store, Bad()
        document = store.document(id)
        stated = [name.removeprefix(id) for name in document.get("files", {})]
        for suffix in stated:
            try:
                with store.local(id, suffix) as path:
                    self._report.checked["files"] += 1
                    self._report.checked["bytes"] += path.stat().st_size
                    wrong = self._examine(document, path)
            except NotFound:
                if not store.has(id, DOCUMENT):
                    raise
                wrong = MISSING
            except DamagedFile as error:
                if _is_unreadable(error):
                    said = f"{error.message.split('. ')[0]}."
                    self._report.problem(f"{store.noun} {id}", said, _UNREADABLE)
                    continue
                wrong = "is not what was published"
            if wrong:
                bad[suffix] = wrong
        self._unstated(id, stated)
        self._judge(store, id, bad, self._report)

    def _unstated(self, id: str, stated: list[str]) -> None:
        """Files beside a document that says nothing of them."""
        store = self._store
        for suffix in store.suffixes:
            if suffix in stated or not is_old(store.files, f"{id}{suffix}"):
                continue
            name = f"file {id}{suffix}"
            if suffix == CHECKPOINT:
                mend = partial(remove, store, f"{id}{suffix}")
                self._report.problem(name, "is of a training that has ended.", "Remove it.", mend)
            elif suffix in _SOURCES or not store.document(id).get("files"):
                self._report.note(
                    name, "has no checksum, so that it cannot be checked.", "Nothing is to be done."
                )
            else:
                mend = partial(set_aside, store, id, suffix)
                problem = "is not what its document was published with."
                self._report.problem(name, problem, "It is made again when it is needed.", mend)

    def _ended(self) -> set[str]:
        """Ids of jobs that have ended, of those whose checkpoints are there."""
        if self._jobs is None or CHECKPOINT not in self._store.suffixes:
            return set()
        states = self._jobs.states(sorted(self._store.stems(CHECKPOINT)))
        return {id for id, state in states.items() if state.ended}

    def _left_behind(self) -> None:
        store, report = self._store, self._report
        for name in store.orphans(self._ended()):
            mend = partial(remove, store, name)
            report.problem(f"file {name}", "belongs to nothing.", "Remove it.", mend)
        for name in store.files.abandoned():
            problem = "was never put in its place: its writer died."
            report.problem(f"file {name}", problem, "Remove it.", partial(sweep, store))
        for id in store.stems(".h5") - set(store.ids()) if ".h5" in store.suffixes else ():
            problem = "is a legacy file that was never brought in."
            report.note(f"model {id}", problem, f"`python run.py import {id}.h5`")
        if count := store.files.aside():
            report.note(
                f"{store.noun}s",
                f"{count} damaged files lie in the folder `damaged` of their store.",
                "Delete them when nobody needs them any more.",
            )


def _is_unreadable(error: DamagedFile) -> bool:
    """Whether this process may not, or its disk cannot, read something: no proof of damage."""
    return isinstance(error.__cause__, OSError)


def _rows(document: dict[str, object], path: Path) -> str | None:
    """Compare the rows of a data set's file with what its document states."""
    import pyarrow.parquet as pq

    rows, stated = pq.read_metadata(path).num_rows, document.get("data_points")
    return None if rows == stated else f"has {rows:,} rows, not the {stated} that are stated"


def _judge_whole(store: ArtifactStore, id: str, bad: Bad, report: Report) -> None:
    """A data set or a backtest is of no use without one of its files."""
    for suffix, wrong in bad.items():
        report.problem(
            f"{store.noun} {id}",
            f"Its file {suffix} {wrong}.",
            "Restore it from a backup, or make it again.",
            partial(set_aside, store, id),
        )
        return


def _judge_model(store: ArtifactStore, id: str, bad: Bad, report: Report) -> None:
    """What is left of a model decides what can be made again."""
    whole = {s for s in store.suffixes if s not in bad and store.has(id, s)}
    source = whole.intersection(_SOURCES)
    networks = whole.intersection(DERIVED) - {".tflite"}
    name, again = f"model {id}", "Restore it from a backup, or train it again."
    if not source and not networks:
        whats = "; ".join(f"{suffix} {wrong}" for suffix, wrong in bad.items())
        problem = f"Its network is lost: {whats or 'there is no file of it'}."
        report.problem(name, problem, again, partial(set_aside, store, id))
        return
    lost = [suffix for suffix in bad if suffix in DERIVED]
    if source and (lost or not networks):
        suffixes = lost or [".onnx"]
        whats = "; ".join(f"{suffix} {bad.get(suffix, MISSING)}" for suffix in suffixes)
        mend = partial(rebuild, store, id, suffixes)
        report.problem(name, f"{whats}.", "It can be made again from the Keras file.", mend)
    elif lost:
        whats = "; ".join(f"{suffix} {bad[suffix]}" for suffix in lost)
        report.problem(name, f"{whats}.", again, partial(withdraw, store, id, *lost))
    for suffix in bad:
        if suffix in _SOURCES:
            there = store.has(id, suffix)
            report.problem(
                name,
                f"{suffix} {bad[suffix]}; it still forecasts, and can do nothing else.",
                f"Put the file {id}{suffix} of a backup back, or train again.",
                partial(set_aside, store, id, suffix) if there else None,
            )
        elif suffix not in DERIVED:
            mend = partial(withdraw, store, id, suffix)
            report.problem(
                name, f"{suffix} {bad[suffix]}.", "It is made again when it is asked for.", mend
            )
