"""Defaults of the enhanced network, for the operation page."""

from __future__ import annotations

from utils.api.architectures import DESIGNS, Architecture
from utils.api.replies.training import EnhancedConfig, EnhancedConfigReply
from utils.api.schemas.training import EnhancedRequest

_DESCRIPTION = {
    "lstm_units_1": "Units of the first LSTM layer.",
    "lstm_units_2": "Units of the second LSTM layer.",
    "dropout_rate": "Share of a layer's outputs that each batch leaves out while training.",
    "recurrent_dropout": "Share of an LSTM's state that is dropped between two steps; fixed.",
    "sequence_length": "Steps that the network looks back.",
    "epochs": "Epochs at most; fewer where the loss at the end of the training span falls no more.",
    "batch_size": "Windows of a batch.",
    "learning_rate": "Learning rate at the start, from where it falls along a half cosine.",
    "train_test_split": "Share of the time that is trained on; the rest is held back.",
}


def config() -> EnhancedConfigReply:
    """Return the hyperparameters of the enhanced network and their descriptions."""
    defaults = EnhancedRequest.parse({}).to_config()
    fixed = DESIGNS[Architecture.ENHANCED].recurrent_dropout
    return EnhancedConfigReply(
        config=EnhancedConfig(**defaults, recurrent_dropout=fixed), description=_DESCRIPTION
    )
