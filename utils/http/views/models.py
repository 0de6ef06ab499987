"""Views of models and of what they forecast."""

from __future__ import annotations

from typing import cast

from flask import Response, send_file

from models.lstm_service import LSTMService
from models.services.forecast_files import KINDS, FileForm
from utils.api.endpoint import ARROW
from utils.api.replies.backtesting import BacktestReply
from utils.api.replies.base import MessageReply
from utils.api.replies.forecasting import BatchReply, PredictReply, ValidateReply
from utils.api.replies.jobs import JobAccepted
from utils.api.replies.models import CompressReply, ModelReply, ModelsReply
from utils.api.replies.plan_replies import ScenariosReply
from utils.api.schemas.data import ValidateRequest
from utils.api.schemas.forecasting import BatchRequest, PredictRequest, ScenariosRequest
from utils.api.schemas.models import BacktestRequest, CompressRequest, ModelsQuery
from utils.http import parameters
from utils.http.views.accepted import accepted_job, is_background
from utils.http.views.declaration import Views

views = Views("Models")
forecasts = Views("Forecasts")


@views.get("/api/models", reply=ModelsReply, query=ModelsQuery)
def list_models(service: LSTMService, query: ModelsQuery) -> ModelsReply:
    """List the models.

    Newest first, `limit` at a time, each with its configuration and its errors on held-back data.
    Models that cannot be used (damaged, or not imported yet) are listed with their `status`.
    `GET /api/model/{model_id}` has all that is known of a model.
    """
    return service.list_models(query)


@views.get("/api/model/<id:model_id>", reply=ModelReply)
def read_model(service: LSTMService, model_id: str) -> ModelReply:
    """Read a model.

    Its configuration, its errors on held-back data, the losses of its training, the series that
    it was trained on, and in `beside` the newest model of each other architecture on the same
    data.
    """
    return service.model(model_id)


@views.delete("/api/model/<id:model_id>", reply=MessageReply, action="model.delete")
def delete_model(service: LSTMService, model_id: str) -> MessageReply:
    """Delete a model.

    Its files, its pictures and its backtests are removed, and every process forgets it. The data
    set that it was trained on stays.
    """
    return service.delete_model(model_id)


@views.get(
    "/api/model/<id:model_id>/download",
    media="application/octet-stream",
    formats=("keras", "onnx", "litert"),
    action="model.download",
    expensive=True,
)
def download_model(service: LSTMService, model_id: str) -> Response:
    """Download the file of a model.

    The network as a Keras file (`?format=keras`), as ONNX or as LiteRT. The scaling of its inputs
    is in the document that `GET /api/model/{model_id}` returns, not in the file.
    """
    form = parameters.choice("format", ("keras", "onnx", "litert"))
    file, name = service.files.download(model_id, form)
    with file as path:  # opened here: it is sent whole, even if it is removed meanwhile
        return send_file(path, "application/octet-stream", True, name)


@views.post(
    "/api/model/<id:model_id>/compress",
    request=CompressRequest,
    reply=CompressReply,
    headers=("Idempotency-Key",),
    action="model.compress",
    expensive=True,
)
def compress_model(service: LSTMService, body: CompressRequest, model_id: str) -> CompressReply:
    """Serve a model with smaller weights.

    Makes the float16, int8 and LiteRT forms of the network, measures how much each changes the
    forecasts of the held-back end of the data, and serves the model with the weights that the
    request names. A form that changes the mean forecast by more than 1 % is not published.
    """
    return service.files.compress(model_id, body, parameters.idempotency_key())


@views.post(
    "/api/model/<id:model_id>/backtest",
    request=BacktestRequest,
    reply=BacktestReply,
    accepted=JobAccepted,
    headers=("Idempotency-Key", "Prefer"),
    action="model.backtest",
    expensive=True,
)
def backtest_model(service: LSTMService, body: BacktestRequest, model_id: str) -> Response:
    """Backtest a model.

    Forecasts every series of a data set from past origins, and compares the forecasts with what
    came and with naive forecasts: errors by target and horizon, coverage of the intervals. It is
    a job: the reply comes when it has ended, or, with `background` or `Prefer: respond-async`, at
    once as a 202.
    """
    idempotency_key = parameters.idempotency_key()
    if is_background(body.background):
        return accepted_job(service.backtests.start(model_id, body, idempotency_key))
    result = service.backtests.run(model_id, body, idempotency_key)
    return Response(result, mimetype="application/json")


@views.get(
    "/api/model/<id:model_id>/backtest/<id:job_id>",
    reply=BacktestReply,
    formats=("json", "png"),
)
def read_backtest(service: LSTMService, model_id: str, job_id: str) -> Response:
    """Read the result of a backtest.

    The figures as JSON, or a picture of forecasts against actual values (`?format=png`).
    """
    form = parameters.choice("format", ("json", "png"))
    kind = "image/png" if form == "png" else "application/json"
    return Response(service.backtests.read(model_id, job_id, form), mimetype=kind)


@forecasts.post(
    "/api/model/predict",
    request=PredictRequest,
    reply=PredictReply,
    accepted_media=(ARROW,),
    formats=("json", *KINDS),
    role="read",
)
def predict(service: LSTMService, body: PredictRequest) -> PredictReply | Response:
    """Forecast a series.

    Forecasts WIP, throughput and cycle time step by step, with intervals that cover 80 % and 95 %
    of the outcomes, from the end of the training data or from the rows in `history`. `currentWIP`
    and `lastThroughput` give the forecast of another state of the last day; `targetProduction`
    asks on which day the cumulated throughput reaches it. `?format=` gives the steps as CSV, a
    workbook with history and totals, or a picture; `Accept: application/vnd.apache.arrow.stream`
    its `paths` alone, in binary form.
    """
    if parameters.prefers(ARROW):
        return Response(service.predict_paths(body), mimetype=ARROW)
    form = parameters.choice("format", ("json", *KINDS))
    if form == "json":
        return service.predict(body)
    content = service.predict_file(body, cast("FileForm", form))
    response = Response(content, mimetype=KINDS[form])
    response.headers["Content-Disposition"] = f"attachment; filename=forecast.{form}"
    return response


@forecasts.post(
    "/api/model/predict/scenarios",
    request=ScenariosRequest,
    reply=ScenariosReply,
    role="read",
    expensive=True,
)
def predict_scenarios(service: LSTMService, body: ScenariosRequest) -> ScenariosReply:
    """Forecast a series with several plans.

    Takes the fields of `POST /api/model/predict` and up to ten `scenarios`, each a name and a plan:
    releases, capacity and other inputs of the steps ahead. All are forecast with the same sample
    paths of errors, so that the differences from the first one are those of the plans.
    """
    return service.predict_scenarios(body)


@forecasts.post(
    "/api/model/predict/batch",
    request=BatchRequest,
    reply=BatchReply,
    accepted_media=(ARROW,),
    role="read",
    expensive=True,
)
def predict_batch(service: LSTMService, body: BatchRequest) -> Response:
    """Forecast up to 10,000 series.

    Each item takes the fields of `POST /api/model/predict` except `model_id`. The reply has an
    entry for each item in the same order: its forecast, or the reason why there is none. It is a
    422 if no item can be forecast. `Accept: application/vnd.apache.arrow.stream` gives the `paths`
    of the items alone, in binary form.
    """
    if parameters.prefers(ARROW):
        return Response(service.predict_paths(body), mimetype=ARROW)
    return Response(service.predict_batch(body), mimetype="application/json")


@forecasts.post("/api/model/validate", request=ValidateRequest, reply=ValidateReply, role="read")
def validate_state(service: LSTMService, body: ValidateRequest) -> ValidateReply:
    """Check a state of a line against Little's Law.

    Takes at least two of WIP, throughput and cycle time. With all three, the reply says how far
    WIP deviates from throughput × cycle time; with two, it computes the third. `capacity` and
    `targetProduction` add whether the throughput is possible and when the target is reached. With
    `line`, advice is from the curve of that line (`GET /api/plan/curve`).
    """
    return service.validate(body)
