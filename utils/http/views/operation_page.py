"""Views that the operation page calls: trainings and models by plant, pictures, training log."""

from __future__ import annotations

from flask import Response

from models.lstm_service import LSTMService
from utils.api.replies import page as p
from utils.api.replies.forecasting import PredictReply
from utils.api.schemas.forecasting import PlantPredictRequest
from utils.api.schemas.jobs import LogsQuery, NoteRequest
from utils.http import responses
from utils.http.views.declaration import Views

views = Views("Operation page")


@views.get("/api/model/plants/status", reply=p.PlantsStatusReply)
def read_plants_status(service: LSTMService) -> p.PlantsStatusReply:
    """Read the trainings by plant.

    The trainings that wait or run, or ended within the last two minutes, by plant, with the
    figures of the last epoch. A training of all plants together is shown with each of its plants.
    """
    return service.page.plants_status()


@views.get("/api/model/plants/summary", reply=p.PlantsSummaryReply)
def read_plants_summary(service: LSTMService) -> p.PlantsSummaryReply:
    """List the models by plant.

    Of each plant the models that were trained on it alone, newest first, and the best of them.
    """
    return service.page.plants_summary()


@views.get("/api/model/plant/<path:plant>/best", reply=p.BestModelReply)
def read_best_model(service: LSTMService, plant: str) -> p.BestModelReply:
    """Read the best model of a plant.

    Of the models that were trained on this plant alone, and on the newest data, the one with the
    lowest MASE on held-back data.
    """
    return service.page.best(plant)


@views.post(
    "/api/model/plant/<path:plant>/predict",
    request=PlantPredictRequest,
    reply=PredictReply,
    role="read",
)
def predict_plant(service: LSTMService, body: PlantPredictRequest, plant: str) -> PredictReply:
    """Forecast a series with the best model of its plant.

    Takes the fields of `POST /api/model/predict` except `model_id` and answers as that does; the
    reply names the model.
    """
    return service.predict_plant(plant, body)


@views.get("/api/model/<id:model_id>/visualize", reply=p.VisualizeReply, expensive=True)
def visualize_model(service: LSTMService, model_id: str) -> p.VisualizeReply:
    """Draw a model.

    Draws the layers and the curves of the training, unless that has been done, and returns the
    path of the picture.
    """
    return service.page.visualize(model_id)


@views.get("/visualizations/<name>", media="image/png")
def read_picture(service: LSTMService, name: str) -> Response:
    """Read the picture of a model.

    A PNG at the path that `GET /api/model/{model_id}/visualize` returns; it is drawn first if
    need be. `enhanced_model_architecture.png` is the picture of the newest enhanced model, or
    else of the newest model.
    """
    return Response(service.page.picture(name), mimetype="image/png")


@views.get("/api/model/<id:model_id>/report", media="text/html", expensive=True)
def read_report(service: LSTMService, model_id: str) -> Response:
    """Read the report of a model.

    A page of HTML with the configuration, the errors, the curves of the training and a forecast
    against the actual values. It loads and runs nothing.
    """
    return responses.html_page(service.page.report(model_id))


@views.get("/api/training/logs", reply=p.LogsReply, query=LogsQuery)
def read_training_log(service: LSTMService, query: LogsQuery) -> p.LogsReply:
    """Read the training log.

    Oldest first, at most 500 lines: those of the newest training that runs, else of the last one,
    and the notes added since it began. A line of an epoch reads
    `Epoch 3/50 loss: 0.42 val_loss: 0.50 mae: 0.30 r2: 0.81`.
    """
    return service.page.logs(query)


@views.post("/api/training/logs", request=NoteRequest, reply=p.NotedReply, action="log.note")
def add_training_note(service: LSTMService, body: NoteRequest) -> p.NotedReply:
    """Add a note to the training log.

    The note is shown with the lines of the training by every web process.
    """
    return service.page.note(body)


@views.get("/api/training/status/dashboard", reply=p.DashboardReply)
def read_dashboard(service: LSTMService) -> p.DashboardReply:
    """Read the state of all trainings.

    What is being trained, the models of each plant, and the path of the newest model's picture.
    A kind of training of which none waits or runs is an empty object.
    """
    return service.page.dashboard()


@views.get("/api/training/metrics/realtime", reply=p.RealtimeReply)
def read_running_jobs(service: LSTMService) -> p.RealtimeReply:
    """Read the running jobs.

    The jobs that are running, by id, with their progress.
    """
    return service.page.realtime()


@views.get("/api/training/jobs/parallel", reply=p.JobGroupsReply)
def list_job_groups(service: LSTMService) -> p.JobGroupsReply:
    """List the jobs by group.

    The jobs of each request for a model per plant, newest group first.
    """
    return service.page.groups()


@views.get("/api/training/job/<id:job_id>/metrics/epochs", reply=p.EpochsReply)
def read_epochs(service: LSTMService, job_id: str) -> p.EpochsReply:
    """Read the epochs of a job.

    Losses, mean absolute error and R² after each epoch, in order, with the time when it ended.
    """
    return service.page.epochs(job_id)
