"""Answers to the operation page: trainings by plant, group and epoch; models by plant."""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, cast

from models.data.datasets import Datasets
from models.jobs.jobs import Jobs
from models.jobs.states import Job, JobState, iso_time
from models.jobs.training_log import Line, Notes, last_lines
from models.registry.model_entries import PlantModel
from models.registry.registry import Registry
from models.services.job_replies import job_fields
from utils.api import urls
from utils.api.architectures import Architecture
from utils.api.replies import page as p
from utils.api.replies.jobs import JobInfo
from utils.api.replies.models import ModelInfo
from utils.api.schemas.jobs import LogsQuery, NoteRequest
from utils.errors import NotFound

_NEWEST = 200  # jobs that are searched for groups and for those that ended
_SHOWN_AFTER_END = 120.0  # seconds
_NEWEST_PICTURE = "enhanced_model_architecture"  # the page asks for it by this name

_ACTIVITY: dict[JobState, Any] = {
    JobState.QUEUED: "pending",
    JobState.RUNNING: "training",
    JobState.SUCCEEDED: "completed",
    JobState.FAILED: "error",
    JobState.CANCELLED: "error",
}


class OperationPage:
    """The trainings and models of one service, as its operation page shows them."""

    def __init__(self, jobs: Jobs, datasets: Datasets, registry: Registry) -> None:
        self._jobs, self._datasets, self._registry = jobs, datasets, registry

    # --- the log ------------------------------------------------------------------------------

    def logs(self, query: LogsQuery) -> p.LogsReply:
        """Return lines of the training log, oldest first unless the query says otherwise."""
        lines = last_lines(self._jobs, self._registry)
        # Lines of the same time by their number, so that each has a place of its own.
        numbered = [((line.at, f"{n:04}"), line) for n, line in enumerate(lines)]
        if query.q is not None:
            wanted = query.q.lower()
            numbered = [pair for pair in numbered if wanted in pair[1].message.lower()]
        total, after = len(numbered), query.after
        numbered.sort(key=itemgetter(0), reverse=query.descending)
        if after is not None:
            numbered = [p for p in numbered if (p[0] < after if query.descending else p[0] > after)]
        shown = numbered[: query.limit]
        last = shown[-1][0] if len(numbered) > len(shown) else None
        return p.LogsReply(
            logs=[_shown(line) for _, line in shown],
            count=len(shown),
            total=total,
            next_cursor=query.cursor_after(last),
        )

    def note(self, request: NoteRequest) -> p.NotedReply:
        """Add a line to the training log."""
        line = Notes(self._jobs.engine).add(request.message, request.level)
        return p.NotedReply(log=_shown(line), message="The line is in the training log.")

    # --- trainings ----------------------------------------------------------------------------

    def plants_status(self) -> p.PlantsStatusReply:
        """Return the trainings that wait or run, and those that ended a moment ago, by plant.

        A training of all plants together is shown with each plant of its data, unless one of the
        plant's own waits or runs.
        """
        since = time.time() - _SHOWN_AFTER_END
        # Read first, so that a job that ends between the two calls is in one of them at least.
        jobs = {job.job_id: job for job in self._jobs.unfinished()}
        ended = self._jobs.ended_after(since, _NEWEST)
        jobs |= {job.job_id: job for job in ended if job.ended_at and job.ended_at >= since}
        ranked = sorted(jobs.values(), key=_rank)  # later ones replace earlier ones
        shown = {plant: job for job in ranked for plant in self._plants(job)}
        return p.PlantsStatusReply(
            plant_training={plant: self._plant_training(shown[plant]) for plant in sorted(shown)}
        )

    def _plants(self, job: Job) -> list[str]:
        """Return the plants that a job trains on."""
        if job.training.plant is not None:
            return [job.training.plant]
        with contextlib.suppress(NotFound):  # its data was deleted meanwhile
            document = self._datasets.store.document(job.training.dataset_id)
            return list(document["summary"]["plants"])
        return []

    def _plant_training(self, job: Job) -> p.PlantTraining:
        epoch = job.progress or {}
        began = job.started_at
        seconds = None if began is None else max(0.0, (job.ended_at or time.time()) - began)
        error = job.error.message if job.error else None
        return p.PlantTraining(
            status=_activity(job),
            current_epoch=epoch.get("epoch", 0),
            total_epochs=epoch.get("epochs", job.training.config.get("epochs", 0)),
            current_loss=epoch.get("loss"),
            current_r2=epoch.get("r2_score"),
            current_mae=epoch.get("relative_mae", epoch.get("mae")),
            final_r2=self._r2_of_model(job),
            training_time=seconds,
            error="The job was cancelled." if job.state is JobState.CANCELLED else error,
            start_time=round(1000 * (began or job.queued_at)),
            job_id=job.job_id,
        )

    def _r2_of_model(self, job: Job) -> float | None:
        if job.state is not JobState.SUCCEEDED:
            return None
        with contextlib.suppress(NotFound):  # deleted meanwhile
            return self._registry.summary(job.job_id).metrics.r2_score
        return None

    def realtime(self) -> p.RealtimeReply:
        """Return the jobs that are running."""
        running = [job for job in self._jobs.unfinished() if job.state is JobState.RUNNING]
        return p.RealtimeReply(
            timestamp=datetime.now(UTC).isoformat(),
            count=len(running),
            metrics={job.job_id: JobInfo(**job_fields(job)) for job in running},
        )

    def groups(self) -> p.JobGroupsReply:
        """Return the newest groups of jobs."""
        newest = self._jobs.newest(None, _NEWEST, 0)
        some = {str(job.training.group_id): job for job in newest if _in_group(job)}
        groups = [_group(id, self._jobs.group_of(job)) for id, job in some.items()]
        return p.JobGroupsReply(groups=groups, count=len(groups))

    def epochs(self, job_id: str) -> p.EpochsReply:
        """Return the epochs of a job.

        Raises:
            NotFound: there is no such job.
        """
        job = self._jobs.get(job_id)
        events = self._jobs.events({job_id: 0})
        return p.EpochsReply(
            job_id=job_id,
            status=job.state.value,
            epochs=[
                p.EpochMetrics(**event.data, at=iso_time(event.at))
                for event in events
                if event.epoch is not None
            ],
        )

    def dashboard(self) -> p.DashboardReply:
        """Return what is being trained, the models by plant, and the newest model's picture.

        Of each kind of training that waits or runs, the newest is shown.
        """
        jobs = sorted(self._jobs.unfinished(), key=lambda job: job.queued_at, reverse=True)
        states = {job.state for job in jobs}
        overall: Any = "pending" if states else "idle"
        overall = "training" if JobState.RUNNING in states else overall
        group = next((self._jobs.group_of(job) for job in jobs if _in_group(job)), [])
        newest = self._newest_model()
        return p.DashboardReply(
            status_data=p.StatusData(
                overall_status=overall,
                parallel_training={str(job.training.plant): _status(job) for job in group},
                enhanced_training=_newest(jobs, enhanced=True),
                regular_training=_newest(jobs, enhanced=False),
                plant_models=self.plants_summary().summary,
            ),
            dashboard=p.Dashboard(
                dashboard_created=newest is not None and self._registry.store.has(newest, ".png")
            ),
            visualization_path=urls.picture(newest).removeprefix("/") if newest else None,
        )

    # --- models by plant ----------------------------------------------------------------------

    def plants_summary(self) -> p.PlantsSummaryReply:
        """Return the models of each plant that has one of its own."""
        found = self._registry.models_of_plants()
        return p.PlantsSummaryReply(
            summary={
                plant: p.PlantModels(
                    total_models=len(models),
                    models=list(models),
                    best_model=(best := _best(models)),
                    best_r2_score=models[best].r2_score,
                )
                for plant, models in sorted(found.items())
            }
        )

    def best(self, plant: str) -> p.BestModelReply:
        """Return the best model of a plant.

        Raises:
            NotFound: the plant has none of its own.
        """
        models = self._registry.models_of_plants(plant).get(plant)
        if not models:
            raise NotFound(
                f"There is no model of plant {plant[:200]!r} alone. The training of plants in "
                "parallel makes one per plant."
            )
        best = _best(models)
        return p.BestModelReply(
            plant=plant, model_id=best, metadata=cast("ModelInfo", self._registry.details(best)[0])
        )

    # --- pictures and reports -----------------------------------------------------------------

    def visualize(self, model_id: str) -> p.VisualizeReply:
        """Make sure that the picture of a model exists; return its path.

        Raises:
            NotFound: there is no such model.
            Unavailable: no worker is alive to draw it.
        """
        self._report_file(model_id, ".png")
        return p.VisualizeReply(model_id=model_id, visualization_path=urls.picture(model_id))

    def picture(self, name: str) -> bytes:
        """Return the picture of a model by its file name. Raises as `visualize`.

        One name is that of the newest enhanced model, or else of the newest model.
        """
        model_id, dot, kind = name.rpartition(".")
        if f"{dot}{kind}" != ".png":
            raise NotFound(f"There is no picture {name[:60]!r}.")
        if model_id == _NEWEST_PICTURE:
            newest = self._newest_model(Architecture.ENHANCED) or self._newest_model()
            if newest is None:
                raise NotFound("There is no model yet, and so no picture of one.")
            model_id = newest
        return self._report_file(model_id, ".png")

    def _newest_model(self, architecture: str | None = None) -> str | None:
        """Return the newest model that is not damaged, of one architecture or of any."""
        for id, info in self._registry.newest(architecture):
            if info["status"] == "ready" and architecture in (None, info.get("architecture")):
                return id
        return None

    def report(self, model_id: str) -> bytes:
        """Return the report of a model, as HTML. Raises as `visualize`."""
        return self._report_file(model_id, ".html")

    def _report_file(self, model_id: str, kind: str) -> bytes:
        """Return a file of a model that a worker makes when it is first needed."""
        self._registry.summary(model_id)
        store = self._registry.store
        if not store.has(model_id, kind):
            self._jobs.expect_worker()
            self._jobs.make_report(model_id)
        return store.read(model_id, kind)


def _best(models: dict[str, PlantModel]) -> str:
    """Return the best of the models of the newest data.

    It has the lowest held-back MASE; without one, the highest R². Errors over other data are not
    compared: those of calmer times are smaller.
    """
    newest = max(model.last_date for model in models.values())

    def rank(id: str) -> tuple[float, float]:
        mase, r2 = models[id].mase, models[id].r2_score
        return math.inf if mase is None else mase, math.inf if r2 is None else -r2

    return min((id for id in models if models[id].last_date == newest), key=rank)


def _status(job: Job) -> p.StatusPart:
    return p.StatusPart(status=_activity(job), job_id=job.job_id)


def _activity(job: Job) -> Any:
    """Return the state of a training as the page names it: pending until its first epoch ended."""
    begins = job.state is JobState.RUNNING and job.progress is None
    return "pending" if begins else _ACTIVITY[job.state]


def _newest(jobs: list[Job], enhanced: bool) -> p.StatusPart | p.NoTraining:
    """Return the first training of an architecture that is not in a group."""
    for job in jobs:
        if not _in_group(job) and (job.training.architecture == Architecture.ENHANCED) == enhanced:
            return _status(job)
    return p.NoTraining()


def _in_group(job: Job) -> bool:
    return job.training.group_id is not None


def _rank(job: Job) -> tuple[bool, bool, bool, float]:
    """Return a rank: the job with the highest one is shown for a plant."""
    own = job.training.plant is not None and not job.state.ended
    return not job.state.ended, own, job.state is JobState.RUNNING, job.ended_at or job.queued_at


def _group(id: str, jobs: list[Job]) -> p.JobGroup:
    counts = Counter(job.state.value for job in jobs)
    status: Any = "completed"
    for state in (JobState.RUNNING, JobState.QUEUED, JobState.FAILED, JobState.CANCELLED):
        if counts[state]:
            status = _ACTIVITY[state]
            break
    shown = [JobInfo(**job_fields(job)) for job in jobs]
    return p.JobGroup(group_id=id, status=status, total=len(jobs), counts=counts, jobs=shown)


def _shown(line: Line) -> p.LogLine:
    return p.LogLine(
        timestamp=iso_time(line.at),
        level=line.level,  # type: ignore[arg-type]
        message=line.message,
        job_id=line.job.job_id if line.job else None,
        plant=line.job.training.plant if line.job else None,
    )
