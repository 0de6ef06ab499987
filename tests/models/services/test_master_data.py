"""Master data over the app's own client: from data, from models, from a file; compared."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from models.data.datasets import Datasets
from models.registry.model_store import model_store
from models.services.master_file import MasterFile, PlantEntry, ProductEntry, SizeEntry, read
from tests.support.running_service import ROOT
from tests.support.stores import settings_in
from utils.errors import DamagedFile
from utils.settings import Settings

Body = dict[str, Any]
YAML = """
plants:
  - {id: North, display_name: North works, location: Kiel, region: Europe, capacity: 5,
     specializations: [TV], panel_sizes: ['15.6"', Large]}
  - {id: South, region: Asia}
products:
  - {id: TV, display_name: Television, category: Home}
panel_sizes:
  - {id: '15.6"', display: 15.6 inch, category: Notebook}
  - {id: Large}
regions: [Europe]
"""
CSV = "id,display_name,location,region,capacity,specializations,panel_sizes\n" + (
    'North,North works,Kiel,Europe,5,TV,"15.6""|Large"\nSouth,,,Asia,,,\n'
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path, master_data=str(tmp_path / "master.yaml"))


@pytest.fixture
def client(settings: Settings, app: Flask) -> FlaskClient:
    Path(settings.master_data).write_text(YAML)
    return app.test_client()


@pytest.fixture
def bare(tmp_path: Path) -> FlaskClient:
    """A service without a file."""
    return create_app(settings_in(tmp_path)).test_client()


def upload(client: FlaskClient, *names: tuple[str, str, str], step: int = 1) -> None:
    rows = [
        {"date": f"2024-01-{1 + step * day:02d}", "plant": plant, "application": application,
         "panel_size": size, "wip": 10, "throughput": 3}
        for plant, application, size in names for day in range(4)
    ]  # fmt: skip
    reply = client.post("/api/data/upload", json=rows)
    assert reply.status_code == 200, reply.text


def get(client: FlaskClient, what: str) -> Body:
    reply = client.get(f"/api/masterdata/{what}")
    assert reply.status_code == 200, reply.text
    return dict(reply.get_json())


def report(client: FlaskClient) -> Body:
    return dict(client.post("/api/masterdata/validate").get_json()["report"])


def test_without_a_file_the_names_are_those_of_the_data(bare: FlaskClient) -> None:
    assert get(bare, "config")["config"] == {
        "plants": [], "applications": [], "panel_sizes": [], "regions": [],
    }  # fmt: skip
    upload(bare, ("North", "TV", "L"), ("South", "Car", '15.6"'))
    upload(bare, ("North", "TV", "L"))
    config = get(bare, "config")["config"]
    assert [sorted(config[name]) for name in ("plants", "applications", "panel_sizes")] == [
        ["North", "South"], ["Car", "TV"], ['15.6"', "L"],
    ]  # fmt: skip
    north, south = sorted(get(bare, "summary")["summary"]["plants"]["items"], key=lambda i: i["id"])
    assert (north["specializations"], north["panel_sizes"]) == (["TV"], ["L"])
    assert (south["capacity"], south["region"], south["location"]) == (None, None, None)
    found = report(bare)
    assert (found["total_issues"], found["is_consistent"]) == (1, False)
    assert "nothing to compare" in found["plant_issues"][0]
    assert "MASTER_DATA" in found["recommendations"][0]
    assert "No MASTER_DATA" in bare.post("/api/masterdata/reload").get_json()["message"]


def test_summary_joins_the_file_and_the_data(client: FlaskClient) -> None:
    upload(client, ("East", "Car", "Large"), ("South", "TV", "Large"))
    summary = get(client, "summary")["summary"]
    plants = {item["id"]: item for item in summary["plants"]["items"]}
    assert list(plants) == ["North", "South", "East"] and summary["plants"]["count"] == 3
    assert plants["North"] == {
        "id": "North", "name": "North", "display_name": "North works", "location": "Kiel",
        "region": "Europe", "capacity": 5, "specializations": ["TV"],
        "panel_sizes": ['15.6"', "Large"],
    }  # fmt: skip
    assert plants["South"]["specializations"] == ["TV"]  # of its data, as the file is silent
    assert summary["plants"]["regions"] == ["Europe", "Asia"]
    assert summary["regions"]["items"][1] == {"id": "Asia", "plants": ["South"]}
    assert summary["products"]["categories"] == ["Home"] and summary["products"]["count"] == 2
    assert summary["panel_sizes"]["items"][0] == {
        "id": '15.6"', "display": "15.6 inch", "category": "Notebook",
    }  # fmt: skip


def test_names_of_models_count_too(bare: FlaskClient, tmp_path: Path) -> None:
    id = "00000000-0000-4000-8000-000000000000"
    series = [{"key": ["West", "Phone", "XS"]}]
    model_store(tmp_path / "models").publish(id, {"model_id": id, "series": series}, {})
    assert get(bare, "config")["config"]["panel_sizes"] == ["XS"]
    assert get(bare, "summary")["summary"]["plants"]["items"][0]["specializations"] == ["Phone"]


def test_report_of_data_that_agrees(client: FlaskClient) -> None:
    upload(client, ("North", "TV", "Large"))
    found = report(client)
    assert found["is_consistent"] is True and found["total_issues"] == 0
    assert found["recommendations"] == []
    assert datetime.fromisoformat(found["timestamp"]).utcoffset() is not None


def test_report_names_every_kind_of_issue(client: FlaskClient) -> None:
    upload(
        client, ("North", "TV", "Large"), ("North", "TV", '15.6"'), ("North", "Radio", "Huge"),
        ("north", "TV", "Large"),
    )  # fmt: skip
    found = report(client)
    kinds = {name: issues for name, issues in found.items() if name.endswith("_issues")}
    total = kinds.pop("total_issues")
    assert total == sum(map(len, kinds.values())) and found["is_consistent"] is False
    plants = " ".join(found["plant_issues"])
    assert "Plant 'north' occurs in data set" in plants and "not in the master data" in plants
    assert "Plant 'North' and 'north' differ in spelling only." in plants
    assert "'Radio'" in found["product_issues"][0] and "'Huge'" in found["panel_size_issues"][0]
    assert any("cannot make panel size 'Huge'" in issue for issue in found["demand_data_issues"])
    assert any("cannot make product 'Radio'" in issue for issue in found["demand_data_issues"])
    # Three series of North put out 3 a day each: 9 together, above its 5.
    assert "capacity of 5 units a day, below the 9 " in found["plant_data_issues"][0]
    assert len(found["recommendations"]) == 4


def test_capacities_are_of_days_whatever_the_step_of_the_data(client: FlaskClient) -> None:
    upload(client, ("North", "TV", "Large"), ("North", "TV", '15.6"'), step=7)  # 6 a week
    assert report(client)["plant_data_issues"] == []


def test_peaks_are_of_all_series_of_a_plant_together(tmp_path: Path) -> None:
    from models.data_generator import PlantSpec

    datasets = Datasets(tmp_path, 10**6, 10**9)
    spec = PlantSpec(("A", "B"), ("x", "y"), ("s", "t"), 40, 100.0, 50.0, 0.2, 0.1, 1)
    id = datasets.generate(spec)["dataset_id"]
    panel = datasets.load(id)
    for plant, peak in datasets.peaks(id).items():
        own = [
            panel.values[panel.offsets[s] : panel.offsets[s + 1], 1]
            for s, key in enumerate(panel.series_keys)
            if key[0] == plant
        ]
        assert peak == pytest.approx(sum(own).max())  # type: ignore[attr-defined]


def test_export_is_a_file_of_the_same_content(client: FlaskClient, settings: Settings) -> None:
    upload(client, ("East", "Car", "Large"))
    before = get(client, "summary")
    exported = get(client, "export")["export_data"]
    assert json.loads(exported)["plants"][0]["id"] == "North"
    Path(settings.master_data).write_text(exported)
    assert client.post("/api/masterdata/reload").status_code == 200
    assert get(client, "summary") == before


def test_a_file_that_changes_is_read_again_by_every_process(
    client: FlaskClient, settings: Settings
) -> None:
    other = create_app(settings).test_client()
    assert get(other, "config")["config"]["plants"] == ["North", "South"]
    Path(settings.master_data).write_text("plants: [{id: Nowhere}]")
    for each in (client, other):
        assert get(each, "config")["config"]["plants"] == ["Nowhere"]
    reply = client.post("/api/masterdata/reload").get_json()
    assert reply["config"]["plants"] == ["Nowhere"] and "master.yaml" in reply["message"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("plants: [{id: A, capacity: 0}]", "plants.0.capacity must be greater than 0"),
        ("plants: [{name: A}]", "plants.0.id is required"),
        ("plants: [{id: A, capacities: 3}]", "capacities"),
        ("plant: []", "did you mean plants?"),
        ("plants: [", "not YAML"),
        ("[1, 2]", "must hold lists by name"),
        ("!!python/object/apply:os.system ['true']", "not YAML"),
    ],
)
def test_a_file_that_breaks_a_rule_is_a_sentence(
    client: FlaskClient, settings: Settings, text: str, rule: str
) -> None:
    Path(settings.master_data).write_text(text)
    reply = client.post("/api/masterdata/reload")
    assert reply.status_code == 500 and rule in reply.get_json()["error"]
    assert (
        "master.yaml" in reply.get_json()["error"] and str(settings.master_data) not in reply.text
    )


def test_a_file_that_is_not_there_is_a_sentence(client: FlaskClient, settings: Settings) -> None:
    Path(settings.master_data).unlink()
    reply = client.get("/api/masterdata/config")
    assert reply.status_code == 500 and "No such file" in reply.get_json()["error"]


OPERATION_PAGE = """\
Plant_ID,Plant_Name,Location,Region,Capacity_Per_Day,Max_Panel_Size,Specialization_1,Specialization_2,\
Can_Produce_15_6in,Can_Produce_27in,Shifts
P1,North works,"Kiel, am Hafen",Europe,1200,75,TV,Radio,True,False,3
P2,South works,,Asia,,65,,,TRUE,,x
"""


def test_the_table_of_the_operation_page(bare: FlaskClient, tmp_path: Path) -> None:
    path = tmp_path / "plants.csv"
    path.write_text(OPERATION_PAGE)
    client = create_app(settings_in(tmp_path, master_data=str(path))).test_client()
    config = get(client, "config")["config"]
    assert config["plants"] == ["P1", "P2"] and config["applications"] == ["TV", "Radio"]
    assert config["panel_sizes"] == ['15.6"'] and config["regions"] == ["Europe", "Asia"]
    first, second = get(client, "summary")["summary"]["plants"]["items"]
    assert (first["name"], first["location"]) == ("North works", "Kiel, am Hafen")
    assert (first["capacity"], first["panel_sizes"]) == (1200, ['15.6"'])
    assert (second["specializations"], second["capacity"]) == ([], None)
    upload(client, ("P1", "TV", '15.6"'), ("North works", "Radio", '15.6"'))
    assert report(client)["total_issues"] == 0


@pytest.mark.parametrize(
    ("was", "wrong", "place"),
    [
        (",1200,", ",much,", "line 2, column 5 (Capacity_Per_Day): plants.0.capacity must be a n"),
        ("TRUE", "perhaps", "line 3, column 9 (Can_Produce_15_6in): must be True or False"),
        ("P2,South works", ",", "line 3, column 1 (Plant_ID): plants.1.id is required"),
    ],
)
def test_a_broken_table_ends_the_start_with_line_and_column(
    tmp_path: Path, was: str, wrong: str, place: str
) -> None:
    path = tmp_path / "plants.csv"
    path.write_text(OPERATION_PAGE.replace(was, wrong))
    with pytest.raises(DamagedFile, match=re.escape(place)):
        read(path)


def test_names_under_a_plant_count_as_known(client: FlaskClient, settings: Settings) -> None:
    text = "plants: [{id: North, specializations: [TV], panel_sizes: [Large]}]"
    Path(settings.master_data).write_text(text)
    upload(client, ("North", "TV", "Large"))
    assert report(client)["total_issues"] == 0


def test_a_table_of_plants_holds_the_same_as_yaml(tmp_path: Path) -> None:
    table, text = tmp_path / "plants.csv", tmp_path / "plants.yaml"
    table.write_text("\ufeff" + CSV, encoding="utf-8")
    text.write_text(YAML)
    assert read(table).plants == read(text).plants


PAGE = (ROOT / "docs" / "master-data.md").read_text()


def example(form: str) -> str:
    found = re.search(rf"```{form}\n(.*?)```", PAGE, re.S)
    assert found
    return found[1]


def test_the_examples_of_the_page_are_the_same_in_every_form(tmp_path: Path) -> None:
    files = {}
    for form in ("yaml", "json", "csv"):
        path = tmp_path / f"master.{form}"
        path.write_text(example(form))
        files[form] = read(path)
    assert files["yaml"] == files["json"] and files["csv"].plants == files["yaml"].plants
    assert [plant.id for plant in files["yaml"].plants] == ["Plant_A", "Plant_B"]


def test_the_fields_of_the_page_are_those_of_the_file() -> None:
    fields: dict[str, list[str]] = {}
    table = PAGE[PAGE.index("## Fields") : PAGE.index("## YAML")]
    for name, field in re.findall(r"^\| (`\w+`)? ?\| (`\w+`)? ?\|", table, re.M):
        if name:
            current = fields.setdefault(name.strip("`"), [])
        if field:
            current.append(field.strip("`"))
    kinds = {"plants": PlantEntry, "products": ProductEntry, "panel_sizes": SizeEntry}
    assert list(fields) == list(MasterFile.model_fields)
    assert {name: list(kind.model_fields) for name, kind in kinds.items()} == {
        name: fields[name] for name in kinds
    }


@pytest.mark.parametrize(
    ("text", "sentence"), re.findall(r"^\| `(.+?)` \| `(The MASTER_DATA .+?)` \|$", PAGE, re.M)
)
def test_the_sentences_of_the_page_are_those_of_the_reader(
    tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "master.yaml").write_text(text)
    with pytest.raises(DamagedFile) as refused:
        read(tmp_path / "master.yaml")
    assert refused.value.message == sentence
