"""docs/nginx.conf, as it is, in a real nginx in front of a real service."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import trustme

from tests.support import programs
from tests.support.running_service import (
    FAST,
    ROOT,
    SMALL,
    Service,
    free_port,
    make_key,
    start_service,
    wait_until,
)
from utils.settings import Settings

CONFIGURATION = (ROOT / "docs" / "nginx.conf").read_text()
MB = 1_000_000

# What Debian's own nginx.conf is around a site, with every path inside one folder.
AROUND = """
{user}
daemon off;
pid {folder}/pid;
events {{ worker_connections 768; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass
class Front:
    """A running nginx: its two addresses, and the authority that its certificate is of."""

    http: str
    https: str
    authority: str
    process: subprocess.Popen[bytes]
    key: str = ""

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        if body is not None:
            more["json"] = body
        if self.key:
            more["headers"] = {"Authorization": f"Bearer {self.key}"} | more.get("headers", {})
        return requests.request(
            method, self.https + path, verify=self.authority, timeout=120, **more
        )


def site(folder: Path, http: int, https: int, upstream: int) -> str:
    """Return the configuration with the addresses, ports and paths of a test."""
    text = CONFIGURATION
    for written, real in {
        "server 127.0.0.1:5000;": f"server 127.0.0.1:{upstream};",
        "listen 80;": f"listen 127.0.0.1:{http};",
        "listen 443 ssl": f"listen 127.0.0.1:{https} ssl",
        "/etc/letsencrypt/live/lstm.example.com/": f"{folder}/",
        "server_name lstm.example.com;": "server_name localhost;",
        "access_log /var/log/nginx/access.log": f"access_log {folder}/access.log",
    }.items():
        assert written in text
        text = text.replace(written, real)
    return text


def write_certificate(folder: Path, authority: trustme.CA) -> None:
    """Write a new certificate of an authority, as certbot renews one."""
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "privkey.pem")
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    (folder / "fullchain.pem").write_bytes(chain)


@contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[Front]:
    program = programs.need("nginx")
    authority, http, https = trustme.CA(), free_port(), free_port()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    write_certificate(folder, authority)
    (folder / "site.conf").write_text(site(folder, http, https, upstream))
    user = "user root;" if os.geteuid() == 0 else ""  # pytest's folder is for its owner only
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, user=user))
    log = folder / "error.log"
    process = subprocess.Popen(
        [program, "-p", str(folder), "-e", str(log), "-c", str(folder / "nginx.conf")]
    )

    def listens() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            requests.get(f"http://127.0.0.1:{http}/", allow_redirects=False, timeout=5)
        except requests.ConnectionError:
            return False
        return True

    try:
        wait_until(listens)
        yield Front(
            f"http://127.0.0.1:{http}",
            f"https://127.0.0.1:{https}",
            str(folder / "authority.pem"),
            process,
        )
    finally:
        process.terminate()
        process.wait(15)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that takes keys, as one behind a proxy does; called by an admin."""
    folder = tmp_path_factory.mktemp("guarded")
    key = make_key(folder, "admin", "admin")
    running = replace(start_service(folder, TRUSTED_PROXIES="127.0.0.1"), key=key)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nginx")


@pytest.fixture(scope="module")
def front(guarded: Service, folder: Path) -> Iterator[Front]:
    guarded.wait_for_worker()
    with nginx(folder, int(guarded.environment["PORT"])) as running:
        yield replace(running, key=guarded.key)


def test_the_service_sees_the_client_and_believes_no_claim(front: Front, guarded: Service) -> None:
    claims = {"Authorization": f"Bearer {front.key}"}
    claims |= {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http", "X-Real-IP": "6.6.6.6"}
    port = int(front.https.rpartition(":")[2])
    context = ssl.create_default_context(cafile=front.authority)
    connection = HTTPSConnection(
        "127.0.0.1", port, timeout=20, context=context, source_address=("127.0.0.2", 0)
    )
    connection.request("DELETE", "/api/model/nobody", headers=claims)
    reply = connection.getresponse()
    assert reply.status == 404 and reply.read()
    connection.close()
    assert reply.headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]
    assert reply.headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert not re.search(r"\d", reply.headers["Server"])
    line = json.loads((guarded.folder / "audit.jsonl").read_text().splitlines()[-1])
    assert (line["subject"], line["address"]) == ("nobody", "127.0.0.2")


def test_health_over_tls(front: Front) -> None:
    for _ in range(3):
        assert front.call("GET", "/health").json()["status"] == "healthy"
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{front.https}/health", timeout=10)


def test_plain_http_is_sent_to_tls(front: Front) -> None:
    reply = requests.post(f"{front.http}/api/model/train?a=1", allow_redirects=False, timeout=10)
    assert reply.status_code == 308
    assert reply.headers["Location"] == "https://127.0.0.1/api/model/train?a=1"


def test_a_table_of_megabytes_is_taken_in_and_streamed_out(front: Front) -> None:
    names = [f"Plant_{n},Automotive,Small" for n in range(40)]
    days = np.datetime64("2020-01-01") + np.arange(1500)
    table = "date,plant,application,panel_size,wip,throughput\n" + "".join(
        f"{day},{name},{100 + n % 9},{50 + n % 5}\n" for name in names for n, day in enumerate(days)
    )
    assert len(table) > 2 * MB
    made = front.call("POST", "/api/data/upload", files={"file": table})
    assert made.status_code == 200, made.text
    path = f"/api/data/{made.json()['dataset_id']}"
    rows = front.call("GET", path, params={"format": "csv"}).text
    assert rows.count("\n") == 60_001
    assert front.call("DELETE", path).status_code == 200


def test_the_limits_of_bodies_leave_the_last_word_to_the_service(front: Front) -> None:
    limits = [int(n) << 20 for n in re.findall(r"client_max_body_size (\d+)m;", CONFIGURATION)]
    settings = Settings()
    for limit, megabytes in zip(
        limits, (settings.max_json_mb, settings.max_upload_mb), strict=True
    ):
        assert megabytes * MB < limit < 1.1 * megabytes * MB
    path, kind = "/api/model/validate", {"Content-Type": "application/json"}
    for size, words in ((16.5 * MB, "at most 16 MB"), (18 * MB, "larger than allowed")):
        reply = front.call("POST", path, data=b" " * int(size), headers=kind)
        assert reply.status_code == 413 and words in reply.json()["error"]


@pytest.mark.long
def test_a_plain_train_answers_when_it_is_done(front: Front) -> None:
    trained = front.call("POST", "/api/model/train", FAST | SMALL)
    assert trained.status_code == 200, trained.text
    ask = {"model_id": trained.json()["model_id"], "plant": "P 1", "application": "TV"}
    forecast = front.call("POST", "/api/model/predict", ask | {"panelSize": "L"}).json()
    assert len(forecast["predictions"]) == 30


def test_nobody_comes_through_without_a_key(front: Front, folder: Path) -> None:
    nobody = replace(front, key="")
    assert nobody.call("GET", "/health/live").status_code == 200
    refused = nobody.call("GET", "/api/models")
    assert refused.status_code == 401 and refused.headers["WWW-Authenticate"] == "Bearer"
    assert nobody.call("GET", "/api/models", headers={"X-API-Key": front.key}).status_code == 200
    # A ticket stands in the address, where a log could keep it.
    ticket = nobody.call("GET", "/api/jobs/none/events?ticket=c2VjcmV0")
    assert ticket.status_code == 401 and "ticket" in ticket.json()["error"]
    wait_until(lambda: "/api/jobs/none/events HTTP" in (folder / "access.log").read_text())
    log = (folder / "access.log").read_text()
    assert "c2VjcmV0" not in log and front.key.split("_", 2)[2] not in log


@pytest.mark.long
def test_a_service_without_keys_answers_nothing_through_a_proxy(tmp_path: Path) -> None:
    service = start_service(tmp_path, WORKERS="0", WEB_PROCESSES="1")
    with nginx(tmp_path, int(service.environment["PORT"])) as front:
        refused = front.call("GET", "/api/models")
        assert refused.status_code == 403 and "keys create" in refused.json()["error"]
        assert front.call("GET", "/health/live").status_code == 200
    service.stop()


@pytest.mark.long
def test_events_of_a_background_train_come_as_they_happen(front: Front) -> None:
    body = FAST | SMALL | {"epochs": 60, "background": True}
    accepted = front.call("POST", "/api/model/train", body)
    assert accepted.status_code == 202, accepted.text
    job = accepted.json()["status_url"]
    job = job if job.startswith("/") else job.removeprefix(front.https)
    kinds, status = [], None
    with front.call("GET", f"{job}/events", stream=True) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        for kind, data in events(stream):
            if kind == "epoch" and "epoch" not in kinds:
                assert front.call("GET", job).json()["status"] == "running"
            kinds.append(kind)
            status = data.get("status", status)
    assert kinds.count("epoch") == 60 and status == "succeeded"


def events(stream: requests.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield kind and data of the server-sent events of a reply as they arrive."""
    fields: dict[str, str] = {}
    # As bytes come, not when a buffer is full.
    for line in stream.iter_lines(chunk_size=1, decode_unicode=True):
        if line and not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        elif not line and "data" in fields:
            yield fields.get("event", "message"), json.loads(fields["data"])
            fields = {}


def test_metrics_are_for_this_machine_only() -> None:
    block = re.search(r"location = /metrics \{(.*?)\}", CONFIGURATION, re.S)
    assert block and "deny all;" in block.group(1)


def test_a_service_that_is_down_is_a_503_in_json(tmp_path: Path) -> None:
    with nginx(tmp_path, free_port()) as front:
        for reply in map(partial(front.call, "GET"), ("/health", "/api/jobs/x/events")):
            assert reply.status_code == 503 and reply.headers["Retry-After"] == "10"
            assert reply.headers["X-Content-Type-Options"] == "nosniff"
            body = reply.json()
            assert body["success"] is False and "Try again" in body["error"]


FEW = {"WORKERS": "0", "WEB_PROCESSES": "1", "WEB_THREADS": "4", "MAX_WAITING": "1",
       "MAX_STREAMS": "1", "TRUSTED_PROXIES": "127.0.0.1"}  # fmt: skip
MANY = 40  # clients, ten for each thread of the service
HEAD = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
BODY = (
    b"POST /api/model/validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b'Content-Length: 100\r\n\r\n{"wip": 1'
)


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """nginx before a service of four threads, called by an admin."""
    folder = tmp_path_factory.mktemp("narrow")
    key = make_key(folder, "admin", "admin")
    service = start_service(folder, **FEW)
    with nginx(folder, int(service.environment["PORT"])) as running:
        yield replace(running, key=key)
    assert service.stop() == 0


def client_hello() -> bytes:
    """Return the first bytes that a client sends over TLS."""
    outgoing, context = ssl.MemoryBIO(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


@contextmanager
def clients(front: Front, count: int, sent: bytes, secure: bool) -> Iterator[None]:
    """Clients that send some bytes, then neither send nor read anything."""
    context = ssl.create_default_context(cafile=front.authority)
    address = ("127.0.0.1", int(front.https.rpartition(":")[2]))
    with ExitStack() as opened:
        for _ in range(count):
            client = opened.enter_context(socket.create_connection(address, 20))
            if secure:
                wrapped = context.wrap_socket(client, server_hostname="localhost")
                client = opened.enter_context(wrapped)
            client.sendall(sent)
        yield


@pytest.mark.parametrize(
    ("sent", "secure"),
    [(b"", False), (client_hello()[:100], False), (client_hello(), False), (b"", True),
     (HEAD, True), (BODY, True)],
    ids=["silent", "half a hello", "half a handshake", "silent after the handshake",
         "half a head", "half a body"],
)  # fmt: skip
def test_slow_clients_hold_up_nobody(narrow: Front, sent: bytes, secure: bool) -> None:
    with clients(narrow, MANY, sent, secure):
        reply = narrow.call("POST", "/api/model/validate", {"wip": 100, "throughput": 50})
        assert reply.status_code == 200


def test_clients_that_do_not_read_hold_up_nobody(narrow: Front) -> None:
    made = narrow.call("POST", "/api/data/generate", {"historicalDays": 3000, "seed": 1}).json()
    path = f"/api/data/{made['dataset_id']}?format=csv"
    assert len(narrow.call("GET", path).content) > 5 * MB
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {narrow.key}\r\n\r\n"
    with clients(narrow, 8, request.encode(), True):
        assert narrow.call("GET", "/health/live").status_code == 200


@pytest.mark.long
def test_a_renewed_certificate_is_served_after_a_reload(tmp_path: Path) -> None:
    def served() -> str:
        return ssl.get_server_certificate(("127.0.0.1", port), timeout=20)

    with nginx(tmp_path, free_port()) as front:
        port = int(front.https.rpartition(":")[2])
        before = served()
        write_certificate(tmp_path, trustme.CA())
        assert served() == before
        front.process.send_signal(signal.SIGHUP)  # as `systemctl reload nginx` does
        wait_until(lambda: served() != before)
