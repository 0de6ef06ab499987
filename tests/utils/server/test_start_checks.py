"""Settings that can never work end the start with one sentence; misspelled ones are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.stores import settings_in
from utils.errors import SettingsError
from utils.server.start_checks import expect_usable, warn_of_misspelled


def test_an_empty_folder_is_usable_and_stays_empty(tmp_path: Path) -> None:
    expect_usable(settings_in(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"model_store": "{folder}/file/models"}, "MODEL_STORE must be a folder"),
        ({"data_store": "{folder}/file"}, "DATA_STORE must be a folder"),
        ({"model_store": "/proc/models"}, "MODEL_STORE must be a folder"),
        ({"model_store": "s3://"}, "MODEL_STORE must name a bucket"),
        ({"data_store": "nothing://bucket/data"}, "DATA_STORE: The store nothing://bucket/data"),
        ({"database_url": "mysql://host/name"}, "DATABASE_URL must be of SQLite or PostgreSQL"),
        ({"database_url": "postgresql://host:port/name"}, "DATABASE_URL cannot be read"),
        ({"database_url": "sqlite:////proc/jobs.sqlite"}, "DATABASE_URL must be a folder"),
        ({"master_data": "{folder}/none.yaml"}, "MASTER_DATA must be a file that exists"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_place_that_can_never_work_is_one_sentence(
    tmp_path: Path, given: dict[str, Any], sentence: str
) -> None:
    (tmp_path / "file").touch()
    more = {name: text.format(folder=tmp_path) for name, text in given.items()}
    with pytest.raises(SettingsError, match=sentence) as refused:
        expect_usable(settings_in(tmp_path, **more))
    assert "\n" not in str(refused.value)


def test_misspelled_settings_are_named() -> None:
    environ = {"WEB_PROCESES": "3", "MAX_ROW": "1", "PATH": "/bin", "HOST": "::", "MAX_X": "1"}
    assert sorted(warn_of_misspelled(environ)) == ["WEB_PROCESES"]
