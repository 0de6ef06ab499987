"""The views: every endpoint of the API, in the order of the README, declared where it is served."""

from __future__ import annotations

from utils.http.views import (
    data,
    jobs,
    keys,
    master_data,
    models,
    operation,
    operation_page,
    planning,
    training,
)

VIEWS = [
    operation.views,
    keys.views,
    data.views,
    training.views,
    jobs.views,
    models.views,
    models.forecasts,
    planning.views,
    operation_page.views,
    master_data.views,
]
ENDPOINTS = [endpoint for views in VIEWS for endpoint in views.endpoints]
