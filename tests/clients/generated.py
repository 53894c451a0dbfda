"""Calls every operation of a service with the client that openapi-python-client made of openapi.yaml.

    python generated.py http://127.0.0.1:8080 examples/line.json

The package `fitd_client` has to be importable. Each answer has to be of a type that the document promises; an operation
of the package that is not called here is an error.
"""

import importlib
import json
import pathlib
import pkgutil
import sys
import uuid

import fitd_client.api
from fitd_client import Client, models

CALLED = set()


def call(operation, status, client, *path, is_stream=False, **parameters):
    """The parsed answer to an operation, such as `fits.get_fit`, which has to have this status; of a stream, its text."""
    CALLED.add(operation)
    module = importlib.import_module(f"fitd_client.api.{operation}")
    answer = module.sync_detailed(*path, client=client, **parameters)
    assert answer.status_code == status, f"{operation}: {answer.status_code} {answer.content[:300]}"
    if is_stream:
        return answer.content.decode()
    assert answer.parsed is not None or not answer.content, f"{operation}: {answer.content[:300]} was not understood"
    return answer.parsed


def fits(client, body):
    request = models.FitRequest.from_dict(body)
    plan = call("fits.create_fit", 200, client, body=request, dry_run=True)
    assert isinstance(plan, models.DryRun) and plan.estimate.memory_bytes > 0, plan

    key = str(uuid.uuid4())
    fit = call("fits.create_fit", 201, client, body=request, prefer="wait=60", idempotency_key=key)
    again = call("fits.create_fit", 201, client, body=request, idempotency_key=key)
    assert isinstance(fit, models.Fit) and again.id == fit.id, (fit, again)
    read = call("fits.get_fit", 200, client, fit.id, wait=60)
    assert read.status == "succeeded" and read.result.loss == fit.result.loss, read
    assert fit.id in [one.id for one in call("fits.list_fits", 200, client, limit=10).data]

    history = call("fits.get_history", 200, client, fit.id)
    assert history.loss[-1] == fit.result.loss, history
    events = call("fits.follow_fit", 200, client, fit.id, is_stream=True)
    assert "event: succeeded" in events, events
    data = {"data": {"x": [0.0, 1.0]}, "interval": 0.9}
    predicted = call("fits.predict", 200, client, fit.id, body=models.PredictRequest.from_dict(data))
    coefficients = fit.result.coefficients.to_dict()
    assert abs(predicted.predictions[0] - coefficients["intercept"]) < 1e-9 * abs(coefficients["intercept"]), predicted
    picture = call("fits.get_plot", 200, client, fit.id, models.GetPlotPicture("loss.svg"), theme=models.GetPlotTheme.DARK)
    assert picture.startswith(b"<svg "), picture

    assert call("fits.cancel_fit", 200, client, fit.id).status == "succeeded"
    call("fits.delete_fit", 204, client, fit.id)
    gone = call("fits.get_fit", 404, client, fit.id)
    assert gone.code == "unknown_fit", gone
    wrong = models.FitRequest.from_dict({**body, "stop": {"max_iterations": 0}})
    refused = call("fits.create_fit", 422, client, body=wrong)
    assert refused.errors[0].pointer == "/stop/max_iterations", refused


def rest(client):
    assert call("operations.livez", 200, client) and call("operations.readyz", 200, client)
    assert call("operations.get_catalogue", 200, client).models
    assert call("documents.get_openapi_json", 200, client).to_dict()["openapi"].startswith("3.1")
    assert call("documents.get_openapi_yaml", 200, client).startswith("openapi:")
    assert "<html" in call("documents.get_docs", 200, client)
    call("documents.get_docs_file", 200, client, "swagger-ui.css")
    assert "<html" in call("documents.get_page", 200, client)
    assert "export" in call("documents.get_page_file", 200, client, "text.js")


def main(address, example):
    client = Client(base_url=address, raise_on_unexpected_status=True)
    fits(client, json.loads(pathlib.Path(example).read_text()))
    rest(client)
    every = set()
    for group in pkgutil.iter_modules(fitd_client.api.__path__):
        package = importlib.import_module(f"fitd_client.api.{group.name}")
        every |= {f"{group.name}.{one.name}" for one in pkgutil.iter_modules(package.__path__)}
    assert every == CALLED, f"not called: {every - CALLED}"
    print(f"generated client: {len(every)} operations called")


if __name__ == "__main__":
    main(*sys.argv[1:])
