"""Fits and follows with Python's standard library: client.py http://127.0.0.1:8080 examples/line.json"""

import json
import sys
import time
import urllib.error
import urllib.request
import uuid

ENDS = ("succeeded", "failed", "cancelled")


def call(address, body=None, headers=()):
    """The answer as JSON; what the service says of a fault goes into the exception."""
    request = urllib.request.Request(address, body, {"Content-Type": "application/json", **dict(headers)})
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise SystemExit(json.load(error)["detail"]) from error


def events(address):
    """The events of a fit until its end; after a break it goes on behind the last one that was seen."""
    last = "0"
    while True:
        request = urllib.request.Request(f"{address}/events", headers={"Last-Event-ID": last})
        try:
            with urllib.request.urlopen(request) as stream:
                event = {}
                for line in stream:
                    name, _, value = line.decode().rstrip("\n").partition(": ")
                    if name:
                        event[name] = value
                        continue
                    if "data" in event:
                        last = event["id"]
                        yield event["event"], json.loads(event["data"])
                        if event["event"] in ENDS:
                            return
                    event = {}
        except (urllib.error.URLError, ConnectionError):
            time.sleep(1)


def main(address, body):
    with open(body, "rb") as file:
        # The same key makes the same fit, however often this is sent.
        fit = call(f"{address}/fits", file.read(), {"Idempotency-Key": str(uuid.uuid4())})
    for event, data in events(f"{address}/fits/{fit['id']}"):
        print(event, data.get("iteration", ""), data.get("loss", ""), file=sys.stderr)
    fit = call(f"{address}/fits/{fit['id']}")
    print(fit["status"])
    for name, value in fit.get("result", {}).get("coefficients", {}).items():
        print(f"{name} = {value:.6f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
