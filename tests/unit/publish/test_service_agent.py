"""Who publishes a bucket's notifications: asked for the project of the bucket, whatever the topic's is."""

import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage  # type: ignore[import-untyped] # ships no types

from master.google.storage import GoogleBucket

ANSWERS: dict[str, dict[str, object]] = {
    "/storage/v1/b/models": {"name": "models", "projectNumber": "4711"},
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


def test_the_agent_is_that_of_the_buckets_own_project() -> None:
    """The client works for the topic's project, and yet the number of the bucket's is what the agent is asked by."""
    session = FakeSession()
    client = storage.Client(
        project="the-topics",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call] # google-auth is partly typed
        client_options={"api_endpoint": "http://bucket.example"},
        _http=session,
    )
    assert GoogleBucket(client, "models").service_agent() == "service-4711@gs-project-accounts.example"
    assert session.asked == ["GET /storage/v1/b/models", "GET /storage/v1/projects/4711/serviceAccount"]
