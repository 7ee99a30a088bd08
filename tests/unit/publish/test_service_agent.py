"""Whom a bucket's notifications go to and who publishes them, whatever projects bucket and topic are in."""

import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage  # type: ignore[import-untyped] # ships no types

from master.cli.google.storage import GoogleBucket, Notifier

ANSWERS: dict[str, dict[str, object]] = {
    "/storage/v1/b/models": {"name": "models", "projectNumber": "4711"},
    "/storage/v1/b/models/notificationConfigs": {
        "items": [
            {"id": "1", "topic": "//pubsub.googleapis.com/projects/123456789/topics/t", "payload_format": "NONE"},
            {
                "id": "2",
                "topic": "//pubsub.googleapis.com/projects/example.com:p/topics/t",
                "event_types": ["OBJECT_FINALIZE"],
                "object_name_prefix": "models/",
            },
            {"id": "3", "topic": "of a kind that is still to come"},
        ]
    },
    "/storage/v1/projects/4711/serviceAccount": {"email_address": "service-4711@gs-project-accounts.example"},
}


@dataclass(slots=True)
class FakeSession:
    """Cloud Storage's HTTP, as far as it is asked."""

    asked: list[str] = field(default_factory=list)

    def request(self, *, method: str, url: str, **_: object) -> requests.Response:
        path = urlsplit(url).path
        self.asked.append(f"{method} {path}")
        response = requests.Response()
        response.status_code = 200
        response.headers["Content-Type"] = "application/json"
        response._content = json.dumps(ANSWERS[path]).encode()
        return response


def bucket(session: FakeSession) -> GoogleBucket:
    client = storage.Client(
        project="the-topics",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call] # google-auth is partly typed
        client_options={"api_endpoint": "http://bucket.example"},
        _http=session,
    )
    return GoogleBucket(client, "models")


def test_the_agent_is_that_of_the_buckets_own_project() -> None:
    """The client works for the topic's project, and yet the number of the bucket's is what the agent is asked by."""
    session = FakeSession()
    assert bucket(session).service_agent() == "service-4711@gs-project-accounts.example"
    assert session.asked == ["GET /storage/v1/b/models", "GET /storage/v1/projects/4711/serviceAccount"]


def test_notifications_to_any_project_are_read() -> None:
    """Google's client knows ids alone, and ends with an error over a number, a domain, or what it has never seen."""
    assert bucket(FakeSession()).notifiers() == [
        Notifier("projects/123456789/topics/t", (), ""),
        Notifier("projects/example.com:p/topics/t", ("OBJECT_FINALIZE",), "models/"),
        Notifier("of a kind that is still to come", (), ""),
    ]
