"""The report of a model in words: its facts, what it is good and bad at, its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.registry.model_document import ModelDocument
from models.series.panel import TARGETS

TARGET_NAMES = {"wip": "WIP", "throughput": "Throughput", "cycle_time": "Cycle time"}
_UNITS = {"wip": "units", "throughput": "units per {step}", "cycle_time": "{step}s"}
_MOST_PLANTS = 5  # that are named
_MOST_OFF = 0.1  # by which the share of values within the 80 % interval may differ from 80 %
_EVEN = 0.02  # share of the error below which two forecasts are as good as each other
_PARAMETERS = {
    "lstm_units_1": "Units of the first layer",
    "lstm_units_2": "Units of the second layer",
    "dropout_rate": "Dropout",
    "recurrent_dropout": "Recurrent dropout",
    "sequence_length": "Look-back, steps",
    "epochs": "Epochs, at most",
    "batch_size": "Batch size",
    "learning_rate": "Learning rate",
    "train_test_split": "Share that is trained on",
    "seed": "Seed",
}

Pairs = list[tuple[str, str]]


def figure(value: float | None) -> str:
    """Return a number in four significant digits.

    >>> figure(1234.5), figure(0.012345), figure(None)
    ('1,234', '0.01235', '–')
    """
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def share(value: float | None, digits: int = 0) -> str:
    """Return a share in per cent.

    >>> share(0.256), share(0.0335, 1)
    ('26 %', '3.4 %')
    """
    return "–" if value is None else f"{value:.{digits}%}".replace("%", " %")


def facts(document: ModelDocument) -> Pairs:
    """Return what the model is, as pairs of a name and a value."""
    network = "enhanced" if document.architecture == "enhanced" else "plain"
    found = {
        "Trained": document.created_at[:16].replace("T", " ")
        + (" UTC" * bool(document.created_at)),
        "Network": f"{network} dual-layer LSTM" if document.architecture else None,
        "Source": "imported" if document.source == "legacy" else None,
        "Plants": _plants(document),
        "Series": figure(len(document.series)) if document.series else None,
        "Rows": figure(document.data_points) if document.data_points else None,
        "Training took": f"{document.training_time:,.0f} s" if document.training_time else None,
        "Data set": document.dataset_id,
    }
    return [(name, value) for name, value in found.items() if value]


def _plants(document: ModelDocument) -> str:
    """Return the plants that a model was trained on, the first few by name."""
    names = (
        [document.plant]
        if document.plant
        else list(dict.fromkeys(k[0] for k in document.series_keys))
    )
    more = f" and {len(names) - _MOST_PLANTS} more" if len(names) > _MOST_PLANTS else ""
    return ", ".join(names[:_MOST_PLANTS]) + more


def parameters(document: ModelDocument) -> list[tuple[str, str, str]]:
    """Return the hyperparameters: field of the API, name, value."""
    return [
        (
            field,
            _PARAMETERS.get(field, field.replace("_", " ")),
            figure(value) if isinstance(value, float) else str(value),
        )
        for field, value in document.config.items()
        if isinstance(value, int | float | str) and field != "architecture"
    ]


def verdicts(document: ModelDocument) -> list[tuple[str, str, str]]:
    """Return target, `good`, `even` or `bad`, and a sentence for each that was measured."""
    per_target = document.metrics.per_target
    measured = [(target, per_target[target]) for target in TARGETS if target in per_target]
    skills = [(target, *_verdict(TARGET_NAMES[target], errors)) for target, errors in measured]
    return skills + [
        (target, "bad", f"{TARGET_NAMES[target]}: {sentence}")
        for target, errors in measured
        if (sentence := _interval_fault((errors.get("coverage") or {}).get("80")))
    ]


def _interval_fault(within: float | None) -> str | None:
    """Return what is wrong with the 80 % intervals, by the share of values within them."""
    if within is None or abs(within - 0.8) <= _MOST_OFF:
        return None
    fault = "too narrow" if within < 0.8 else "wider than needed"
    return f"{share(within)} of the values lay within the 80 % interval, which is {fault}."


def _verdict(name: str, errors: Mapping[str, Any]) -> tuple[str, str]:
    skills = [errors.get("skill_over_last_value"), errors.get("skill_over_seasonal_naive")]
    known = [skill for skill in skills if skill is not None]
    if not known:
        return "even", f"{name} was not measured: too little data was held back."
    skill = min(known)
    if skill > _EVEN:
        return "good", f"{name}: {share(skill)} less error than the better naive forecast."
    if skill < -_EVEN:
        sentence = f"{name}: {share(-skill)} more error than the better naive forecast."
        return "bad", f"{sentence} More data may help."
    return "even", f"{name}: about as good as the better naive forecast."


def errors(document: ModelDocument, step: str) -> list[tuple[str, list[str]]]:
    """Return the rows of the table of errors: a target and its cells, as `COLUMNS`."""
    return [
        (target, _cells(target, document.metrics.per_target[target], step))
        for target in TARGETS
        if target in document.metrics.per_target
    ]


COLUMNS = (  # field of the API, name
    ("", "Target"),
    ("mae", "Off by, a step ahead"),
    ("r2_score", "R², a step ahead"),
    ("wape", "Relative error"),
    ("skill_over_last_value", "Saved over the last value"),
    ("skill_over_seasonal_naive", "Saved over the last season"),
    ("coverage", "Within the 80 % interval"),
)


def _cells(target: str, errors: Mapping[str, Any], step: str) -> list[str]:
    unit = _UNITS[target].format(step=step)
    return [
        f"{figure(errors.get('mae'))} {unit}" if errors.get("mae") is not None else "–",
        figure(errors.get("r2_score")),
        share(errors.get("wape"), 1),
        share(errors.get("skill_over_last_value")),
        share(errors.get("skill_over_seasonal_naive")),
        share((errors.get("coverage") or {}).get("80")),
    ]
