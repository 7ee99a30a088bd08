"""What nodes need of Google Cloud, and the commands of `gcloud` that make it. Pure."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from events import resources, subscription
from events.names import NodeName
from master.cli.google.storage import FINALIZE

PAYER_ROLE = "roles/serviceusage.serviceUsageConsumer"  # for serviceusage.services.use


@dataclass(frozen=True, slots=True)
class Plan:
    """What shall be there."""

    project: str  # of the subscriptions, and of the topic where that names no other
    bucket: str
    topic: str
    prefix: str = ""
    nodes: tuple[NodeName, ...] = ()
    days: int = subscription.EXPIRY_DAYS
    billing_project: str = ""  # that pays for requests to the bucket, where it has requester-pays

    @property
    def topic_path(self) -> str:
        """The topic as Pub/Sub names it; it may be in another project than the subscriptions."""
        return resources.path("topics", self.topic, project=self.project)


@dataclass(frozen=True, slots=True)
class Commands:
    """The same in the words of `gcloud`."""

    plan: Plan

    @property
    def topic(self) -> str:
        return _line("gcloud pubsub topics create", self.plan.topic, project=self.plan.project)

    @property
    def bucket(self) -> str:
        return _line("gcloud storage buckets create", f"gs://{self.plan.bucket}", project=self.plan.project)

    @property
    def agent(self) -> str:
        plan = self.plan
        describe = _line(
            "gcloud storage buckets describe", f"gs://{plan.bucket}", format="value(projectNumber)", **self._payer
        )
        agent = f"serviceAccount:$(gcloud storage service-agent --project=$({describe} --raw))"
        line = _line("gcloud pubsub topics add-iam-policy-binding", plan.topic, project=plan.project)
        return f'{line} --member="{agent}" --role=roles/pubsub.publisher'

    @property
    def notification(self) -> str:
        narrow = {"object_prefix": self.plan.prefix} if self.plan.prefix else {}
        return _line(
            "gcloud storage buckets notifications create",
            f"gs://{self.plan.bucket}",
            topic=self.plan.topic_path,
            event_types=FINALIZE,
            payload_format="none",
            **narrow,
            **self._payer,
        )

    @property
    def _payer(self) -> dict[str, str]:
        return {"billing_project": self.plan.billing_project} if self.plan.billing_project else {}

    def subscription(self, node: NodeName) -> str:
        """Make a node's subscription."""
        low, high = subscription.RETRY_SECONDS
        return _line(
            "gcloud pubsub subscriptions create",
            subscription.name(self.plan.topic, node),
            project=self.plan.project,
            topic=self.plan.topic,
            ack_deadline=str(subscription.ACK_SECONDS),
            message_filter=subscription.filter_of(self.plan.prefix),
            message_retention_duration=f"{subscription.RETENTION_SECONDS}s",
            expiration_period=f"{self.plan.days}d",
            min_retry_delay=f"{low}s",
            max_retry_delay=f"{high}s",
        )

    @property
    def rights(self) -> Sequence[str]:
        """What the nodes' own account needs, which nobody but you knows; of subscriptions, those of the named nodes."""
        plan, account = self.plan, "--member=serviceAccount:NODE_ACCOUNT"
        reader = _line("gcloud storage buckets add-iam-policy-binding", f"gs://{plan.bucket}", **self._payer)
        payer = _line("gcloud projects add-iam-policy-binding", plan.billing_project)
        grant = partial(_line, "gcloud pubsub subscriptions add-iam-policy-binding", project=plan.project)
        listeners = [grant(subscription.name(plan.topic, node)) for node in plan.nodes]
        return (
            f"{reader} {account} --role=roles/storage.objectViewer",
            *(f"{listener} {account} --role=roles/pubsub.subscriber" for listener in listeners),
            *([f"{payer} {account} --role={PAYER_ROLE}"] if plan.billing_project else ()),
        )


def _line(command: str, subject: str, **options: str) -> str:
    flags = [shlex.quote(f"--{name.replace('_', '-')}={value}") for name, value in options.items()]
    return " ".join([command, shlex.quote(subject), *flags])
