"""What operators watch: whether the service can do its work, and the facts of its metrics."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from utils.api import replies
from utils.errors import Detail, Unavailable
from utils.http.metrics import Facts
from utils.storage.artifact_store import ArtifactStore

if TYPE_CHECKING:
    from models.jobs.jobs import Jobs

_ANSWERS_WITHIN = 2.0  # seconds
_RETRY_AFTER = 5  # seconds

T = TypeVar("T")


class Monitoring:
    """Looks at the database and the stores. The two that take long to import are asked for late.

    Args:
        models: the store of the models.
        jobs: gives the queue of the workers.
        datasets: gives the store of the data sets.
    """

    def __init__(
        self, models: ArtifactStore, jobs: Callable[[], Jobs], datasets: Callable[[], ArtifactStore]
    ) -> None:
        self._models = models
        self._jobs = jobs
        self._datasets = datasets
        # One thread: however often a database that hangs is asked, one question waits for it.
        self._asker = ThreadPoolExecutor(1, "database")

    def ready(self) -> replies.ReadyReply:
        """Whether all is there that the work takes.

        Raises:
            Unavailable: something is missing; the details name it.
        """
        missing = []
        jobs = self._jobs()
        try:
            if not self._ask(jobs.workers_alive):
                advice = "Start one with `python run.py worker`."
                missing.append(Detail("workers", f"No training worker is alive. {advice}"))
        except Unavailable as error:
            missing.append(Detail("database", error.message.splitlines()[0]))
        stores = {"model_store": self._models, "data_store": self._datasets()}
        for name, store in stores.items():
            try:
                store.ids()
            except Unavailable as error:
                missing.append(Detail(name, error.message))
        if missing:
            names = ", ".join(detail.field for detail in missing)
            raise Unavailable(
                f"The service is not ready; to be mended: {names}.", missing, _RETRY_AFTER
            )
        return replies.ReadyReply(
            checks=dict.fromkeys(("database", "model_store", "data_store", "workers"), "ok")
        )

    def facts(self) -> Facts:
        """What `/metrics` shows of the database and the stores, less what does not answer."""
        jobs = self._jobs()
        workers = states = pace = None
        with contextlib.suppress(Unavailable):
            workers, states, pace = self._ask(
                lambda: (jobs.workers_alive(), jobs.counts(), jobs.epochs_per_second())
            )
        named = {str(state): count for state, count in states.items()} if states else None
        return Facts(
            jobs=named,
            queue_depth=named["queued"] if named else None,
            workers_alive=workers,
            epochs_per_second=pace,
            published_models=_size(self._models),
            data_sets=_size(self._datasets()),
        )

    def _ask(self, question: Callable[[], T]) -> T:
        """What the database says.

        Raises:
            Unavailable: it says nothing, or not soon.
        """
        asked = self._asker.submit(question)
        try:
            return asked.result(_ANSWERS_WITHIN)
        except TimeoutError as error:
            asked.cancel()
            raise Unavailable(
                f"The database does not answer within {_ANSWERS_WITHIN:g} s."
            ) from error


def _size(store: ArtifactStore) -> int | None:
    try:
        return len(store.ids())
    except Unavailable:
        return None
