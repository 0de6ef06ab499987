"""Hyperparameters as configs keep them."""

from __future__ import annotations

import json

import pytest

from models.registry.hyperparameters import Hyperparameters
from utils.api.schemas.training import TrainRequest

pytestmark = pytest.mark.unit

WRITTEN = {
    "lstm_units_1": 64,
    "lstm_units_2": 32,
    "dropout_rate": 0.2,
    "sequence_length": 10,
    "epochs": 50,
    "batch_size": 32,
    "learning_rate": 0.00001,
    "train_test_split": 0.8,
}


def test_defaults_are_those_of_a_request() -> None:
    assert Hyperparameters().to_config() == TrainRequest.parse({}).to_config() == WRITTEN


def test_a_config_survives_the_round_trip_through_json() -> None:
    hyper = Hyperparameters(lstm_units1=3, epochs=7, learning_rate=0.5, train_test_split=0.9)
    assert Hyperparameters.from_config(json.loads(json.dumps(hyper.to_config()))) == hyper


def test_unknown_entries_of_a_config_are_kept() -> None:
    config = WRITTEN | {"architecture": "plain", "seed": 3, "momentum": [0.9]}
    hyper = Hyperparameters.from_config(config)
    assert hyper.unknown == {"architecture": "plain", "seed": 3, "momentum": [0.9]}
    assert hyper.to_config() == config


def test_an_absent_entry_takes_its_default_and_both_spellings_of_units_are_read() -> None:
    hyper = Hyperparameters.from_config({"lstm_units1": 5, "lstm_units_2": 4})
    assert (hyper.lstm_units1, hyper.lstm_units2, hyper.epochs) == (5, 4, 50)
