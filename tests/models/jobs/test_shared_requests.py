"""Equal requests at the same moment share one id, in SQLite and in PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from models.jobs.shared_requests import SharedRequests
from utils.storage.database import open_engine


def test_of_many_at_once_one_id_is_shared_until_its_work_is_over(database_url: str) -> None:
    over: set[str] = set()
    engines = [open_engine(database_url) for _ in range(2)]  # of two processes

    def claim(place: int) -> str:
        requests = SharedRequests(engines[place % 2])
        return requests.claim("fingerprint", str(uuid4()), over.__contains__)

    with ThreadPoolExecutor(8) as pool:
        [first] = set(pool.map(claim, range(16)))
        over.add(first)
        [second] = set(pool.map(claim, range(16)))
    assert second != first
    SharedRequests(engines[0]).release("fingerprint", first)  # it was not the last one
    assert claim(0) == second
    SharedRequests(engines[1]).release("fingerprint", second)
    assert claim(1) not in (first, second)
    for engine in engines:
        engine.dispose()
