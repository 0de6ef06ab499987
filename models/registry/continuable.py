"""The models that can be trained on with newer rows, and why others cannot.

>>> document = ModelDocument(source="legacy")
>>> try: expect_continuable("m", document)
... except Conflict as error: print(error.message)
Model m is imported: its network is that of another program. Train a new model.
"""

from __future__ import annotations

from models.registry.model_document import ModelDocument
from utils.errors import Conflict

_ANEW = "Train a new model."


def expect_continuable(model_id: str, document: ModelDocument) -> None:
    """Check that a training can go on from a model.

    Args:
        document: of the model, whole or as a summary.

    Raises:
        Conflict: it was not trained here, an earlier version of this service trained it with
            another kind of network, or it keeps no data set.
    """
    name = f"Model {model_id}"
    if document.source == "legacy" or document.architecture is None:
        raise Conflict(f"{name} is imported: its network is that of another program. {_ANEW}")
    if document.network is None or document.network.change_scale is None or not document.split:
        raise Conflict(
            f"{name} is of version 1.0, whose networks correct an autoregression; those of this "
            f"version forecast all steps at once, and cannot begin from its weights. {_ANEW}"
        )
    if document.dataset_id is None:
        raise Conflict(f"{name} keeps no data set that could have gained rows. {_ANEW}")
