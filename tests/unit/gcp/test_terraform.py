"""The Terraform module, read by a parser: it makes what the puller expects, and gives no right that is not needed."""

import re
from collections.abc import Mapping
from pathlib import Path

import hcl2
import pytest

from events import resources, subscription
from events.names import NodeName
from infra import gcp

FOLDER = Path(gcp.__file__).parent
FILES = sorted(FOLDER.glob("*.tf"))
TEXT = "\n".join(re.sub(r"(?m)^\s*#.*$", "", path.read_text()) for path in FILES)

Block = Mapping[str, object]


def blocks() -> dict[str, Block]:
    """All resources by their address."""
    found: dict[str, Block] = {}
    for path in FILES:
        for resource in hcl2.loads(path.read_text()).get("resource", []):
            for kind, named in resource.items():
                found |= {f"{text(kind)}.{text(name)}": body for name, body in named.items()}
    return found


def inner(block: Block, name: str) -> Block:
    """The only block of a name within a block."""
    blocks = block[name]
    assert isinstance(blocks, list)
    (only,) = blocks
    assert isinstance(only, dict)
    return only


def text(value: object) -> str:
    """A string as it is meant, without its quotes."""
    assert isinstance(value, str)
    return value.removeprefix('"').removesuffix('"').replace('\\"', '"')


def local(name: str) -> str:
    (block,) = hcl2.loads((FOLDER / "main.tf").read_text())["locals"]
    return text(block[name])


RESOURCES = blocks()
PAYERS = (
    "${var.billing_project == null ? {} : {puller = google_service_account.puller.member,"
    " publisher = google_service_account.publisher.member}}"
)


def test_a_subscription_is_what_the_nodes_puller_would_make() -> None:
    """The puller finds its subscription by name and keeps it: nothing about it differs from what it would make."""
    one = RESOURCES["google_pubsub_subscription.node"]
    name = text(one["name"]).replace("${var.topic}", "models").replace("${each.key}", "node-a")
    assert name == subscription.name("models", NodeName("node-a"))
    assert one["ack_deadline_seconds"] == subscription.ACK_SECONDS
    assert text(one["message_retention_duration"]) == f"{subscription.RETENTION_SECONDS}s"
    assert text(inner(one, "expiration_policy")["ttl"]) == "${var.subscription_days * 86400}s"
    assert variable("subscription_days")["default"] == subscription.EXPIRY_DAYS
    retry = inner(one, "retry_policy")
    assert (text(retry["minimum_backoff"]), text(retry["maximum_backoff"])) == tuple(
        f"{seconds}s" for seconds in subscription.RETRY_SECONDS
    )
    assert one["filter"] == "${local.filter}"


@pytest.mark.parametrize("prefix", ["", "models/", "a/b/c/", "x" * 300 + "/"])
def test_its_filter_is_the_pullers(prefix: str) -> None:
    """With another filter the puller would replace the subscription, and Terraform again, for ever."""
    condition, limit, then, otherwise = re.fullmatch(
        r'\$\{var\.prefix != "" && length\((\S+)\) <= (\d+) \? (\S+) : (\S+)\}', local("filter")
    ).groups()  # type: ignore[union-attr]  # no match is a failure, too
    assert (condition, then, otherwise) == ("local.narrow_filter", "local.narrow_filter", "local.own_filter")
    assert int(limit) == subscription.MAX_FILTER_BYTES
    own = local("own_filter")
    narrow = local("narrow_filter").replace("${local.own_filter}", own).replace("${var.prefix}", prefix)
    assert (narrow if prefix and len(narrow) <= int(limit) else own) == subscription.filter_of(prefix)


def test_no_prefix_or_node_gets_in_that_would_need_quoting_or_another_name() -> None:
    """What the filter's quoting and the name's length ask for is ruled out beforehand."""
    assert accepts("prefix", ["", "models/", "a.b/c-d_e/"])
    assert not any(accepts("prefix", [one]) for one in ["models", 'a"/', "a\\/", "/", "ü/", "a b/"])
    assert accepts("nodes", ["node-a", "n.1", "x" * 200])
    assert not any(accepts("nodes", [one]) for one in ["", "-a", "a b", "x" * 201])


def test_the_bucket_tells_of_new_objects_below_the_prefix_and_nothing_else() -> None:
    """Without payload, and only once Cloud Storage may publish."""
    one = RESOURCES["google_storage_notification.models"]
    assert [text(kind) for kind in as_list(one["event_types"])] == ["OBJECT_FINALIZE"]
    assert text(one["payload_format"]) == "NONE"
    assert one["object_name_prefix"] == '${var.prefix == "" ? null : var.prefix}'
    assert one["depends_on"] == ["${google_pubsub_topic_iam_member.agent}"]


def test_nobody_has_a_right_that_is_not_listed_here() -> None:
    """A puller reads the bucket and its subscriptions, the publisher adds objects, Cloud Storage publishes; no more.

    Where a project pays for requests, both may name it.
    """
    rights = {
        name: (body["role"], body["member"]) for name, body in RESOURCES.items() if "_iam_" in name or "role" in body
    }
    puller = "${google_service_account.puller.member}"
    agent = "serviceAccount:${data.google_storage_project_service_account.agent.email_address}"
    assert {name: (text(role), text(member)) for name, (role, member) in rights.items()} == {
        "google_pubsub_topic_iam_member.agent": ("roles/pubsub.publisher", agent),
        "google_storage_bucket_iam_member.puller_reads": ("roles/storage.objectViewer", puller),
        "google_pubsub_subscription_iam_member.puller_hears": ("roles/pubsub.subscriber", puller),
        "google_service_account_iam_member.puller": ("roles/iam.workloadIdentityUser", "${each.key}"),
        "google_storage_bucket_iam_member.publisher": ("${each.key}", "${google_service_account.publisher.member}"),
        "google_service_account_iam_member.publisher": ("roles/iam.workloadIdentityUser", "${each.key}"),
        "google_project_iam_member.payer": ("roles/serviceusage.serviceUsageConsumer", "${each.value}"),
    }
    payer = RESOURCES["google_project_iam_member.payer"]
    assert payer["project"] == "${var.billing_project}"
    assert payer["for_each"] == PAYERS
    publisher = RESOURCES["google_storage_bucket_iam_member.publisher"]["for_each"]
    assert publisher == '${toset(["roles/storage.objectCreator", "roles/storage.objectViewer"])}'
    assert not re.search(
        r"google_project_iam(?!_member\b)|_iam_binding|_iam_policy|allUsers|allAuthenticatedUsers", TEXT
    )


def test_the_topic_may_be_in_another_project_than_the_subscriptions() -> None:
    """The topic and the right to publish to it are there; subscriptions name it by its whole path, as pullers do."""
    assert local("topic_project") == "${coalesce(var.topic_project, var.project)}"
    for name in ("google_pubsub_topic.models", "google_pubsub_topic_iam_member.agent"):
        assert RESOURCES[name]["project"] == "${local.topic_project}"
    for name in ("google_pubsub_subscription.node", "google_pubsub_subscription_iam_member.puller_hears"):
        assert RESOURCES[name]["project"] == "${var.project}"
    assert RESOURCES["google_pubsub_subscription.node"]["topic"] == "${google_pubsub_topic.models.id}"
    assert RESOURCES["google_storage_notification.models"]["topic"] == "${google_pubsub_topic.models.id}"
    (topic,) = (block['"topic"'] for block in parsed("outputs.tf")["output"] if '"topic"' in block)
    is_same = "local.topic_project == var.project"
    assert topic["value"] == f"${{{is_same} ? google_pubsub_topic.models.name : google_pubsub_topic.models.id}}"


def test_projects_are_written_as_the_programs_take_them() -> None:
    """By id, number or id with a domain: what pullers and `bootstrap` refuse is refused here, too."""
    right = ["my-project-123", "123456789", "example.com:my-project"]
    wrong = ["", "projects/my-project", "My-Project", "my project", "p", "my-project/", "-my-project", "my-project-"]
    for name in ("project", "topic_project", "bucket_project", "billing_project"):
        for value in [*right, *wrong]:
            assert accepts(name, [value]) is is_project(value), (name, value)


def is_project(value: str) -> bool:
    try:
        return resources.parse_project(value) == value != ""
    except ValueError:
        return False


def test_a_bucket_that_is_made_is_nobodys_to_see_and_hard_to_lose() -> None:
    """No public access, no rights on single objects, and Terraform does not delete models."""
    one = RESOURCES["google_storage_bucket.models"]
    assert one["count"] == "${var.create_bucket ? 1 : 0}"
    assert one["uniform_bucket_level_access"] is True
    assert text(one["public_access_prevention"]) == "enforced"
    assert one["force_destroy"] is False


def test_the_alert_comes_before_the_message_is_gone() -> None:
    """Pub/Sub keeps a message for an hour: a threshold above it would never be reached."""
    condition = inner(inner(RESOURCES["google_monitoring_alert_policy.unheard"], "conditions"), "condition_threshold")
    assert "pubsub.googleapis.com/subscription/oldest_unacked_message_age" in str(condition["filter"])
    assert 'starts_with(\\"${var.topic}-\\")' in str(condition["filter"])
    assert condition["threshold_value"] == "${var.alert_seconds}"
    default = variable("alert_seconds")["default"]
    assert isinstance(default, int)
    assert default < subscription.RETENTION_SECONDS


def test_all_that_is_named_is_there_and_used() -> None:
    """No reference leads nowhere, and no variable is without effect."""
    declared = {text(name) for block in parsed("variables.tf")["variable"] for name in block}
    assert set(re.findall(r"\bvar\.(\w+)", TEXT)) == declared
    locals_ = {name for name in parsed("main.tf")["locals"][0] if not name.startswith("__")}
    assert set(re.findall(r"\blocal\.(\w+)", TEXT)) == locals_
    references = set(re.findall(r"(?<!data\.)\b(google_\w+\.\w+)", re.sub(r"(data|resource) \"", "", TEXT)))
    assert references <= set(RESOURCES)
    assert all(variable(name)["description"] for name in declared)


def parsed(file: str) -> dict[str, list[dict[str, Block]]]:
    content: dict[str, list[dict[str, Block]]] = hcl2.loads((FOLDER / file).read_text())
    return content


def variable(name: str) -> Block:
    (found,) = (block[f'"{name}"'] for block in parsed("variables.tf")["variable"] if f'"{name}"' in block)
    return found


def accepts(name: str, values: list[str]) -> bool:
    """Whether a variable's own rule takes all of these."""
    rule = re.search(r'regex\("(.+)", ', str(inner(variable(name), "validation")["condition"]))
    assert rule
    return all(re.search(rule[1], value) for value in values)


def as_list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
