"""The guide to Google Cloud says what `bootstrap` does, and names what the module makes."""

from pathlib import Path

from events.names import NodeName
from infra import gcp
from master.cli.google.gcloud import Commands, Plan

GUIDE = (Path(__file__).parents[3] / "docs" / "google-cloud.md").read_text()
NODE = NodeName("node-a")


def test_the_commands_are_those_of_bootstrap() -> None:
    """Whoever sets up by hand makes the same as the program."""
    commands = Commands(Plan("my-project", "my-models", "models", "models/", nodes=(NODE,)))
    steps = (commands.topic, commands.bucket, commands.agent, commands.notification, commands.subscription(NODE))
    payer = Commands(Plan("my-project", "my-models", "models", billing_project="my-billing-project")).rights[-1]
    for command in (*steps, *commands.rights, payer):
        assert f"    {command}\n" in GUIDE


def test_each_right_the_module_gives_is_explained() -> None:
    """A role that the guide does not name is one that nobody has thought about."""
    given = {
        word.strip('"[]),')
        for path in Path(gcp.__file__).parent.glob("*.tf")
        for word in path.read_text().split()
        if "roles/" in word
    }
    assert {role[role.index("roles/") :] for role in given} <= {
        word.strip("`,") for word in GUIDE.replace("=", " ").split()
    }
