"""URL rules of an app and the endpoints that they lead to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flask import Flask
from werkzeug.routing import Rule

from utils.api.endpoint import Endpoint


def by_rule(app: Flask, endpoints: Iterable[Endpoint]) -> Iterator[tuple[Rule, str, Endpoint]]:
    """Yield (rule, method, endpoint) of the views of an app that are endpoints."""
    known = {(each.method, each.rule): each for each in endpoints}
    for rule in app.url_map.iter_rules():
        for method in rule.methods or ():
            if (method, rule.rule) in known:
                yield rule, method, known[method, rule.rule]
