"""TensorFlow Serving's flags that hurt, read from the command lines of the servers on this host.

A server does not tell its flags to anybody, so `doctor` sees them only where it runs beside one, or is told them.
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from master.cli.doctor.finding import Finding, good, unknown, warning, wrong
from master.fleet.views import NodeRow

PROGRAM = "tensorflow_model_server"
OURS = "infra.tfserving"
DEFAULT_PORT = "8500"


def command_lines(proc: Path = Path("/proc")) -> list[tuple[str, ...]]:
    """The command lines of all TensorFlow Serving processes on this host."""
    found = []
    for path in sorted(proc.glob("[0-9]*/cmdline")):
        try:
            words = tuple(path.read_bytes().decode("utf-8", "replace").rstrip("\0").split("\0"))
        except OSError:
            continue  # it ended meanwhile, or is somebody else's
        if Path(words[0]).name == PROGRAM or OURS in words[1:3]:
            found.append(words)
    return found


def of_nodes(lines: list[tuple[str, ...]], nodes: Iterable[NodeRow]) -> list[tuple[str, ...]]:
    """Choose the servers that nodes say they use, going by port or socket: other stacks may run on this host.

    All of them where no node says so, because none is known, or all are of an earlier release. Of a socket's path the
    file's name counts: in a container the folder may be another.
    """
    places = {_file(service.serving_address) for node in nodes for service in node.services} - {""}
    return [line for line in lines if not places or not places.isdisjoint(_places(parse(line)))]


def _places(flags: Mapping[str, str]) -> set[str]:
    """Name where a server answers gRPC: its port, and the file name of its socket."""
    return {flags.get("port", DEFAULT_PORT), _file(flags.get("grpc_socket_path", ""))} - {""}


def _file(address: str) -> str:
    return address.rpartition("/" if "/" in address else ":")[2]


def check(lines: list[tuple[str, ...]]) -> Iterator[Finding]:
    """Judge the flags of each server."""
    if not lines:
        advice = 'run doctor on a node, or give it the flags: --serving-flags "--model_config_file=… …"'
        yield unknown("TF Serving flags", "no TensorFlow Serving of a node runs on this host", advice)
    for line in lines:
        flags = parse(line)
        subject = f"TF Serving flags ({_where(flags)})"
        hurting = list(judge(flags, subject))
        yield from hurting or [good(subject, "as they should be")]


def _where(flags: Mapping[str, str]) -> str:
    port, socket = flags.get("port", DEFAULT_PORT), flags.get("grpc_socket_path", "")
    return f"socket {socket}" if socket and port == "0" else f"port {port}"


def split(text: str) -> tuple[str, ...]:
    """Take a command line apart as a shell does."""
    return tuple(shlex.split(text))


def parse(words: tuple[str, ...]) -> dict[str, str]:
    """Read `--name=value`, `--name value` and bare `--name`, which means true."""
    flags: dict[str, str] = {}
    for index, word in enumerate(words):
        if not word.startswith("--"):
            continue
        name, is_given, value = word[2:].partition("=")
        follows = words[index + 1] if index + 1 < len(words) else "--"
        flags[name] = value if is_given else ("true" if follows.startswith("--") else follows)
    return flags


def judge(flags: Mapping[str, str], subject: str) -> Iterator[Finding]:
    """Say which flags hurt, and what to write instead."""
    if "model_config_file" not in flags:
        yield wrong(
            subject,
            "without --model_config_file it serves one fixed model, and forgets after a restart what it was told",
            "start it with --model_config_file=MODELS_DIR/models.config and without --model_base_path",
        )
    if _number(flags, "model_config_file_poll_wait_seconds", 0) > 0:
        yield wrong(
            subject,
            "it reads its config file again and again, and so takes back what the configurator told it",
            "set --model_config_file_poll_wait_seconds=0",
        )
    poll = _number(flags, "file_system_poll_wait_seconds", 1)
    if poll <= 0:
        yield wrong(
            subject,
            "it does not look for versions again, so new ones never load",
            "set --file_system_poll_wait_seconds=1",
        )
    if poll > 5:
        yield warning(subject, f"it looks for versions only every {poll:g} s", "set --file_system_poll_wait_seconds=1")
    yield from _judge_loading(flags, subject)


def _judge_loading(flags: Mapping[str, str], subject: str) -> Iterator[Finding]:
    if _number(flags, "num_load_threads", 0) < 2:
        yield warning(
            subject,
            "while one model loads or hangs, all others wait",
            "set --num_load_threads=2 and --num_unload_threads=1",
        )
    seconds = (
        _number(flags, "max_num_load_retries", 5) * max(0.0, _number(flags, "load_retry_interval_micros", 6e7)) / 1e6
    )
    if seconds > 10:
        yield warning(
            subject,
            f"a version that cannot load is tried for {seconds:.0f} s, and holds up what comes after it",
            "set --max_num_load_retries=1 --load_retry_interval_micros=1000000",
        )
    if flags.get("allow_version_labels_for_unavailable_models", "false") != "true":
        yield warning(
            subject,
            "after a restart it refuses a config that has labels, because nothing is loaded yet",
            "set --allow_version_labels_for_unavailable_models=true",
        )


def _number(flags: Mapping[str, str], name: str, default: float) -> float:
    try:
        return float(flags.get(name, default))
    except ValueError:
        return default
