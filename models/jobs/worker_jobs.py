"""Jobs as a worker sees them: owned, released, taken over, deleted when old."""

from __future__ import annotations

from collections.abc import Collection

from models.jobs.job_log import Decision
from models.jobs.jobs import FORMER_QUEUES, QUEUE, Jobs
from models.jobs.states import MOST_TRIES, STATES, JobState, Work, abrupt_end


class WorkerJobs(Jobs):
    """The jobs of a database, with the operations of its workers.

    Every method raises Unavailable if the database does not answer.
    """

    def owner(self, job_id: str) -> tuple[JobState | None, str | None]:
        """Return the state of a job, and the id of the worker that has it."""
        found = self._statuses(workflow_ids=[job_id])
        return (STATES[found[0].status], found[0].executor_id) if found else (None, None)

    def decision(self, job_id: str) -> Decision | None:
        """Return the decision on how a job ends, if there is one."""
        with self._answering():
            return self.log.decision(job_id)

    def settle_cancelled(self, job_id: str) -> None:
        """Cancel a job in the engine, should the process that decided it have failed to."""
        with self._answering():
            self._client.cancel_workflow(job_id)

    def release(self, job_id: str, worker_id: str) -> None:
        """Put a running job of a worker that stops back into the queue, as not tried."""
        if self.owner(job_id) != (JobState.RUNNING, worker_id):
            return
        if self.decision(job_id) is None:
            self.record_requeued(job_id)
            self.requeue(job_id)

    def requeue(self, job_id: str) -> None:
        """Put a job that has not ended into its queue, as not tried."""
        with self._answering():
            self.log.forget_recoveries(job_id)
        self._resume(job_id)

    def recover(self, job_id: str, lost: str, worker_id: str, alive: Collection[str]) -> bool:
        """Put a running job of a lost worker into its queue; return whether this call did so.

        However many workers notice the loss, one of them does it; and each loss counts as a try.

        Args:
            lost: id of the lost worker.
            worker_id: of the worker that noticed.
            alive: ids of the workers that are alive.
        """
        with self._answering():
            claimed = self.log.claim_recovery(job_id, lost, worker_id, alive)
        if not claimed or self.owner(job_id) != (JobState.RUNNING, lost):
            return False
        self.record_requeued(job_id)
        self._resume(job_id)
        return True

    def check_tries(self, job_id: str, work: Work) -> None:
        """Raise InternalError if too many workers ended abruptly while they had a job."""
        with self._answering():
            lost = self.log.recoveries([job_id]).get(job_id, 0)
        if lost >= MOST_TRIES:
            raise abrupt_end(work, lost)

    def _resume(self, job_id: str) -> None:
        # The engine sets its own count of tries to 0.
        for status in self._statuses(workflow_ids=[job_id]):
            former = FORMER_QUEUES[Work(status.name)]
            with self._answering():
                self._client.resume_workflow(
                    job_id, queue_name=QUEUE if status.queue_partition_key else former
                )

    def uses_former_queues(self) -> bool:
        """Return True if an earlier release queued jobs that have not ended yet."""
        queues = sorted(set(FORMER_QUEUES.values()))
        return bool(self._statuses(status=["ENQUEUED", "PENDING"], queue_name=queues))

    def record_requeued(self, job_id: str) -> None:
        """Record in the event log that a job waits again."""
        with self._answering():
            self.log.add_status(job_id, {"job_id": job_id, "status": JobState.QUEUED})

    def running(self) -> dict[str, str]:
        """Return the jobs that workers have: job id → worker id."""
        found = self._statuses(status="PENDING", name=[work.value for work in Work])
        return {status.workflow_id: str(status.executor_id) for status in found}

    def ended(self) -> list[str]:
        """Return the ids of all jobs that have ended."""
        found = self._statuses(status=[name for name, state in STATES.items() if state.ended])
        return [status.workflow_id for status in found]

    def delete(self, job_ids: list[str]) -> None:
        """Delete jobs that have ended, and their events."""
        with self._answering():
            self._client.delete_workflows(job_ids)
            self.log.delete(job_ids)
