"""The headers that every reply carries, whoever made it."""

from __future__ import annotations

import re
import socket
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.running_service import SMALL, Service

NAMES = {
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Content-Security-Policy",
    "Cross-Origin-Resource-Policy",
    "Cache-Control",
}
STRICT = "default-src 'none'; frame-ancestors 'none'"


def expect_protected(headers: Any) -> None:
    assert set(headers.keys()) >= NAMES
    for name in NAMES:
        values = headers.getlist(name) if hasattr(headers, "getlist") else [headers[name]]
        assert len(values) == 1, name
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors" in headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in headers


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/health"), ("GET", "/metrics"), ("GET", "/api/openapi.json"),
     ("GET", "/api/models"), ("GET", "/nowhere"), ("PATCH", "/health"), ("GET", "/api/model/none"),
     ("POST", "/api/model/predict"), ("OPTIONS", "/api/model/predict"), ("HEAD", "/api/models"),
     ("GET", "/api/docs/"), ("GET", "/api/docs/swagger-ui.css")],
)  # fmt: skip
def test_every_reply_is_protected(client: FlaskClient, method: str, path: str) -> None:
    reply = client.open(path, method=method)
    expect_protected(reply.headers)
    if reply.is_json:
        assert reply.headers["Content-Security-Policy"] == STRICT
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    reply.close()


def test_rows_and_files(client: FlaskClient) -> None:
    id = client.post("/api/data/generate", json=SMALL).get_json()["dataset_id"]
    for form in ("json", "csv", "parquet"):
        reply = client.get(f"/api/data/{id}?format={form}")
        expect_protected(reply.headers)
        assert reply.headers["Cache-Control"] in ("no-store", "no-cache")
        reply.close()


def test_pictures_and_reports_are_for_the_page_to_show(
    service: Service, trained: dict[str, Any]
) -> None:
    model_id = trained["model_id"]
    assert service.get(f"/api/model/{model_id}/visualize").ok
    picture = service.get(f"/visualizations/{model_id}.png")
    report = service.get(f"/api/model/{model_id}/report")
    for reply in (picture, report):
        assert reply.ok
        expect_protected(reply.headers)
        assert reply.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "frame-ancestors http://localhost:4200" in report.headers["Content-Security-Policy"]
    assert "script-src" not in report.headers["Content-Security-Policy"]


def test_no_reply_states_the_version_of_a_server(service: Service) -> None:
    headers = service.get("/health").headers
    assert headers.get("Server", "") == "gunicorn" and "X-Powered-By" not in headers
    expect_protected(headers)


def test_what_is_no_http_is_answered_as_strictly(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", int(service.environment["PORT"])), 20) as client:
        client.sendall(b"NO SENSE\r\n\r\n")
        head = b"".join(iter(lambda: client.recv(1 << 16), b"")).partition(b"\r\n\r\n")[0].decode()
    status, *lines = head.split("\r\n")
    assert status == "HTTP/1.1 400 Bad Request"
    headers = dict(line.split(": ", 1) for line in lines)
    expect_protected(headers)
    assert headers["Content-Security-Policy"] == STRICT


def test_the_documentation_says_nothing_of_the_request(client: FlaskClient) -> None:
    one, other = (
        client.get("/api/docs/", headers={"Host": host}) for host in ("localhost", "evil.example")
    )
    assert one.data == other.data
    assert one.headers["Content-Security-Policy"] == other.headers["Content-Security-Policy"]
    assert "'unsafe-inline'" not in re.sub("style-src[^;]*", "", str(one.headers))
    assert one.headers["Content-Security-Policy"].count("'sha256-") == one.data.count(b"<script>")
