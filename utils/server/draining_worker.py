"""gunicorn's threads, ending without anybody noticing: what was taken in is answered."""

from __future__ import annotations

from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from utils.shutdown import DRAIN


class DrainingWorker(ThreadWorker):
    """Answers all that was let in before it ends, and lets nobody in meanwhile."""

    sockets: list[Any]

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Begin to end, as the master asks for."""
        DRAIN.begin(self.cfg.graceful_timeout)
        super().handle_exit(sig, frame)

    def is_parent_alive(self) -> bool:
        """Whether the master lives; begin to end if it does not."""
        if super().is_parent_alive():
            return True
        DRAIN.begin(self.cfg.graceful_timeout)
        self.alive = False
        return False

    def set_accept_enabled(self, enabled: bool) -> None:
        """Let connections in, or not for the moment; not ever again once it ends."""
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                self._take_in(listener)
                # A successor that the same port is for does not wait until all is answered.
                listener.close()
            self.sockets = []

    def _take_in(self, listener: Any) -> None:
        """Accept whom the system let in already: closed on them, they would see a reset."""
        known = -1
        while known < self.nr_conns < self.worker_connections:
            known = self.nr_conns
            self.accept(listener)
