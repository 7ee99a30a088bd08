"""One deployment: look at the swarm, render, hand over, wait until it is so, sweep what nobody uses any more."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.docker.offline.shell import Failed
from infra.swarm import engine, inputs, render
from infra.swarm.converge import Progress, Service, Stage, judge
from infra.swarm.render import Content, Kind

STACK_FILE = Path(__file__).with_name("stack.yml")
LOOK_SECONDS = 1.0
ONCE = ("streams",)  # services that run once in a deployment
ONCE_CONTENTS = frozenset({"nats_admin", "streams"})  # what they alone use
KINDS: tuple[Kind, ...] = ("configs", "secrets")


@dataclass(frozen=True, slots=True)
class Order:
    """What shall be deployed, and how."""

    stack: str
    folder: Path
    also: tuple[Path, ...] = ()  # stack files of the site's own
    resolve_image: str = "always"
    seconds: float = 900.0


def deploy(order: Order, *, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Deploy, and return when everything runs as ordered; `Failed` says what does not."""
    nodes = engine.nodes()
    found = render.places(nodes)
    settings = inputs.read_settings(order.folder, environment)
    if order.resolve_image != "never":
        inputs.check_images(settings)
    contents = inputs.read_contents(order.folder, found)
    _tell(nodes, say)
    hand_over(order, contents, variables=render.variables(found, settings))
    wait(order, say=say)
    _remove_once(order.stack, say)
    sweep(order.stack, [one for one in contents if one.name not in ONCE_CONTENTS], say=say)


def hand_over(order: Order, contents: list[Content], *, variables: Mapping[str, str]) -> None:
    """Tell the swarm what shall be."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        overlay = folder / "overlay.json"
        overlay.write_text(render.overlay(order.stack, contents, inputs.write_contents(contents, folder)))
        files = [str(file) for file in (STACK_FILE, overlay, *order.also)]
        engine.deploy(order.stack, files, variables=variables, resolve_image=order.resolve_image)


def wait(order: Order, *, say: Callable[[str], None]) -> None:
    """Wait until every service is as ordered, and say what changes on the way."""
    deadline = time.monotonic() + order.seconds
    told: dict[str, str] = {}
    while True:
        progress = look(order.stack)
        for one in progress:
            if told.get(one.service) != str(one):
                told[one.service] = str(one)
                say(str(one))
        if all(one.stage is Stage.DONE for one in progress):
            return
        _check(progress, is_late=time.monotonic() > deadline, seconds=order.seconds)
        time.sleep(LOOK_SECONDS)


def look(stack: str) -> list[Progress]:
    """See how far each service is; `Failed` where there is no such stack."""
    services = engine.services(stack)
    if not services:
        raise Failed(f"there is no stack {stack} in this swarm; `docker stack ls` shows which are")
    tasks = engine.tasks(stack)
    return [judge(service, [task for task in tasks if task.service == service.id]) for service in services]


def sweep(stack: str, contents: Sequence[Content], *, say: Callable[[str], None]) -> None:
    """Remove configs and secrets of earlier deployments that no service uses, nor would after a rollback."""
    used = {content.versioned(stack) for content in contents} | _used(engine.services(stack))
    for kind in KINDS:
        unused = [one for one in engine.contents(stack, kind) if one.name not in used]
        if unused:
            engine.remove(kind, [one.id for one in unused])
            say(f"removed unused {kind}: {', '.join(sorted(one.name for one in unused))}")


def _remove_once(stack: str, say: Callable[[str], None]) -> None:
    """Remove what ran once, so that its key, which may do everything in JetStream, is on no server any more."""
    for name in ONCE:
        engine.remove_service(f"{stack}_{name}")
        say(f"removed {name}, which has run")


def _check(progress: Sequence[Progress], *, is_late: bool, seconds: float) -> None:
    """Raise when there is no use in waiting any longer: nothing is under way, and something failed or is late."""
    bad = [one for one in progress if one.stage is Stage.FAILED]
    if bad and not any(one.is_moving for one in progress):
        raise Failed("not deployed: " + "; ".join(map(str, bad)))
    if is_late:
        late = [str(one) for one in progress if one.stage is not Stage.DONE]
        raise Failed(f"not done within {seconds:g} s, the swarm goes on trying: {'; '.join(late)}")


def _used(services: Sequence[Service]) -> set[str]:
    return {name for service in services for name in service.contents}


def _tell(nodes: Sequence[render.Node], say: Callable[[str], None]) -> None:
    for node in nodes:
        if node.state != "ready" or node.availability != "active":
            say(f"{node.hostname} is {node.state} and {node.availability}: nothing changes there now")
