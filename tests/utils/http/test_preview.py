"""A preview shows how an upload would read a table, and stores nothing."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient

DAYS = range(1, 29)
GERMAN = "Produktion\nDatum;Werk;Anwendung;Größe;Bestand;Ausstoß\n" + "".join(
    f"{day:02}.01.2024;Köln;TV;L;1.{day:03},5;{day + 300},5\n" for day in DAYS
)
LOG = "lot,start,finish\n" + "".join(
    f"{day},2024-01-{day:02},2024-01-{day + 2:02}\n" for day in DAYS
)


def preview(client: FlaskClient, text: str, query: str = "", charset: str = "utf-8") -> dict:  # type: ignore[type-arg]
    reply = client.post(
        f"/api/data/preview{query}", data=text.encode(charset), headers={"Content-Type": "text/csv"}
    )
    assert reply.status_code == 200, reply.text
    assert client.get("/api/data").get_json()["total"] == 0
    body: dict = reply.get_json()  # type: ignore[type-arg]
    return body


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "cp1252"])
def test_a_table_is_shown_as_it_would_be_read(client: FlaskClient, charset: str) -> None:
    body = preview(client, GERMAN, charset=charset)
    assert (body["is_readable"], body["kind"], body["problems"]) == (True, "table", [])
    assert body["cells"][0] == ["01.01.2024", "Köln", "TV", "L", "1.001,5", "301,5"]
    first = body["rows"][0]
    assert (first["date"], first["plant"]) == ("2024-01-01", "Köln")
    assert (first["wip"], first["throughput"]) == (1001.5, 301.5)
    assert {column["name"]: column["meaning"] for column in body["columns"]} == {
        "Datum": "date", "Werk": "plant", "Anwendung": "application", "Größe": "panel_size",
        "Bestand": "wip", "Ausstoß": "throughput",
    }  # fmt: skip
    assert body["read_as"]["number_format"] == "1.234,5"


def test_problems_have_rows_and_rules(client: FlaskClient) -> None:
    body = preview(client, GERMAN.replace("05.01.2024", "gestern"))
    assert (body["is_readable"], body["rows"]) == (False, [])
    assert [(each["row"], each["received"]) for each in body["problems"]] == [(5, "gestern")]


def test_a_table_of_unknown_names_is_shown_to_be_mapped(client: FlaskClient) -> None:
    text = "a;b;c;d\n" + "".join(f"2024-01-{day:02};Nord;100;50\n" for day in DAYS)
    body = preview(client, text)
    assert [column["name"] for column in body["columns"]] == list("abcd")
    assert {each["field"] for each in body["problems"]} == {"date", "plant", "wip", "throughput"}
    columns = json.dumps({"date": "a", "plant": "b", "wip": "c", "throughput": "d"})
    assert preview(client, text, f"?columns={columns}")["is_readable"]


def test_an_event_log_is_told_from_a_table(client: FlaskClient) -> None:
    text = LOG.replace("2024-01-29", "").replace("2024-01-30", "")
    body = preview(client, text)
    assert (body["is_readable"], body["kind"]) == (True, "event log")
