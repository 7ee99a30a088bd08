"""What people see: progress while parts start, facts, timelines and addresses."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from infra.local.child import Child
from infra.local.stack import Stack
from infra.local.timeline import Row

PLAIN_WIDTH = 140  # columns where the output is no terminal


class Screen:
    """Writes to standard output, with colours if it is a terminal."""

    def __init__(self) -> None:
        console = Console(highlight=False)
        self._console = console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)
        self.is_terminal = console.is_terminal

    @property
    def width(self) -> int:
        """Columns of a line."""
        return self._console.width

    def progress(self, name: str, words: str) -> None:
        """A part changed its state."""
        self._console.print(f"  {name:<24}", words, style="dim", markup=False)

    def act(self, title: str) -> None:
        """A new part of the story begins."""
        self._console.print()
        self._console.rule(title, align="left", style="bold")

    def fact(self, sentence: str) -> None:
        """Something that was checked."""
        self._console.print(" ", sentence, markup=False)

    def command(self, line: str) -> None:
        """A command to copy."""
        self._console.print(" ", line, markup=False, soft_wrap=True)

    def said(self, output: str) -> None:
        """What a command printed."""
        for line in output.splitlines():
            self._console.print(" ", line.rstrip(), style="cyan", markup=False, soft_wrap=True)

    def failure(self, sentence: str) -> None:
        """Why it ends here."""
        self._console.print(sentence, style="bold red", markup=False)

    def logs(self, children: Iterable[Child]) -> None:
        """What the parts said last, for whoever must find out why it failed."""
        for child in children:
            self.act(f"Last words of {child.name}")
            self._console.print(child.tail(), markup=False)

    def timeline(self, rows: Iterable[Row]) -> None:
        """The way of one version, in milliseconds."""
        table = Table(box=None, pad_edge=True)
        table.add_column("since upload", justify="right", no_wrap=True)
        table.add_column("since last", justify="right", no_wrap=True, style="dim")
        table.add_column("what", no_wrap=True, style="bold")
        table.add_column("", style="dim", overflow="fold")
        for row in rows:
            table.add_row(f"{row.since_upload_ms:+.1f} ms", f"{row.since_last_ms:+.1f} ms", row.what, row.detail)
        self._console.print(table)

    def addresses(self, stack: Stack) -> None:
        """Where everything answers."""
        self.act("Addresses")
        for name, address in addresses(stack):
            self._console.print(f"  {name:<24}", address, markup=False, soft_wrap=True)


def addresses(stack: Stack) -> list[tuple[str, str]]:
    """Each part's name and address."""
    around = [
        ("NATS", stack.nats_url),
        ("GCS", f"{stack.gcs_url} (bucket {stack.bucket.name})"),
        ("Pub/Sub", f"{stack.pubsub_address} (project {stack.project}, topic {stack.topic})"),
        ("logs", str(stack.supervisor.folder / "logs")),
    ]
    if stack.master:
        around.insert(0, ("master", f"{stack.master_url}/v1/overview, described at {stack.master_url}/openapi.json"))
        around.insert(0, ("dashboard", f"{stack.master_url}/"))
    for node in stack.nodes:
        around += [
            (f"{node.name}: TF Serving", f"gRPC {node.serving_address}, REST {node.rest_url}"),
            (f"{node.name}: puller", f"{node.puller_url}/status"),
            (f"{node.name}: configurator", f"{node.configurator_url}/status"),
            (f"{node.name}: models", str(node.models)),
        ]
    return around
