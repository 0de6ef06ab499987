"""Views of trainings: the plain and the enhanced network, of all data or per plant."""

from __future__ import annotations

from flask import Response

from models.lstm_service import LSTMService
from models.services import enhanced_config
from utils.api.replies.jobs import JobAccepted, JobsAccepted
from utils.api.replies.training import (
    ContinueReply,
    EnhancedConfigReply,
    ParallelReply,
    TrainReply,
)
from utils.api.schemas.training import (
    ContinueRequest,
    EnhancedParallelRequest,
    EnhancedRequest,
    ParallelRequest,
    TrainRequest,
)
from utils.http import parameters, responses
from utils.http.views.accepted import accepted_job, is_background
from utils.http.views.declaration import Views

views = Views("Training")


@views.post(
    "/api/model/train",
    request=TrainRequest,
    reply=TrainReply,
    accepted=JobAccepted,
    headers=("Idempotency-Key", "Prefer"),
    action="model.train",
    expensive=True,
)
def train_model(service: LSTMService, body: TrainRequest) -> Response:
    """Train a model.

    Trains the plain network on a data set (`datasetId`), on rows (`trainingData`) or on synthetic
    data (the fields of `POST /api/data/generate`); on the newest data set if the request names
    none of them. The reply comes when training is done, with the errors on the held-back end of
    the data in `metrics`. With `background` or the header `Prefer: respond-async` it is a 202
    with the job at once.
    """
    return _train(service, body)


@views.post(
    "/api/model/train/enhanced",
    request=EnhancedRequest,
    reply=TrainReply,
    accepted=JobAccepted,
    headers=("Idempotency-Key", "Prefer"),
    action="model.train",
    expensive=True,
)
def train_enhanced_model(service: LSTMService, body: EnhancedRequest) -> Response:
    """Train a model of the enhanced network.

    As `POST /api/model/train`, with batch normalization, L2, recurrent dropout, a cosine schedule
    of the learning rate, early stopping, clipped gradients and features of the calendar and of
    moving averages. Its defaults are those of `GET /api/model/train/enhanced/config`.
    """
    return _train(service, body)


@views.get("/api/model/train/enhanced/config", reply=EnhancedConfigReply)
def read_enhanced_config(service: LSTMService) -> EnhancedConfigReply:
    """Read the defaults of the enhanced network.

    The hyperparameters that `POST /api/model/train/enhanced` uses where the request gives none,
    with a sentence about each.
    """
    return enhanced_config.config()


@views.post(
    "/api/model/train/parallel/plants",
    request=ParallelRequest,
    reply=ParallelReply,
    accepted=JobsAccepted,
    headers=("Idempotency-Key", "Prefer"),
    action="model.train",
    expensive=True,
)
def train_plants(service: LSTMService, body: ParallelRequest) -> Response:
    """Train a model per plant.

    Trains one plain network for each plant of the data, or for each of `plants`, side by side on
    the workers that there are. A plant that fails does not stop the others; its error is in
    `plant_results`.
    """
    return _train_plants(service, body)


@views.post(
    "/api/model/train/parallel/enhanced",
    request=EnhancedParallelRequest,
    reply=ParallelReply,
    accepted=JobsAccepted,
    headers=("Idempotency-Key", "Prefer"),
    action="model.train",
    expensive=True,
)
def train_plants_enhanced(service: LSTMService, body: EnhancedParallelRequest) -> Response:
    """Train a model of the enhanced network per plant.

    As `POST /api/model/train/parallel/plants`, with the enhanced network and its defaults.
    """
    return _train_plants(service, body)


@views.post(
    "/api/model/<id:model_id>/continue",
    request=ContinueRequest,
    reply=ContinueReply,
    accepted=JobAccepted,
    headers=("Idempotency-Key", "Prefer"),
    action="model.continue",
    expensive=True,
)
def continue_model(service: LSTMService, body: ContinueRequest, model_id: str) -> Response:
    """Train a model on.

    Goes on from a model with the rows that its data set has gained since, and makes a new model:
    the network begins from its weights, with the same architecture and hyperparameters; scaling,
    autoregression, combination and intervals are learned anew from all rows. `metrics` are of
    rows that neither of them was trained on. It is a 409 without new rows, without the data set,
    and for a model that is imported or of version 1.0.
    """
    idempotency_key = parameters.idempotency_key()
    if is_background(body.background):
        return accepted_job(service.trainings.start_continued(model_id, body, idempotency_key))
    reply = service.trainings.train_continued(model_id, body, idempotency_key)
    return responses.json_response(reply)


def _train(service: LSTMService, body: TrainRequest) -> Response:
    idempotency_key = parameters.idempotency_key()
    if is_background(body.background):
        return accepted_job(service.trainings.start(body, idempotency_key))
    return responses.json_response(service.trainings.train(body, idempotency_key))


def _train_plants(service: LSTMService, body: ParallelRequest) -> Response:
    idempotency_key = parameters.idempotency_key()
    if not is_background(body.background):
        return responses.json_response(service.plant_trainings.train(body, idempotency_key))
    jobs = service.plant_trainings.start(body, idempotency_key)
    reply = JobsAccepted(total_plants=len(jobs), jobs=jobs, status_url="/api/jobs")
    return responses.accepted(reply, "/api/jobs")
