"""One node of the embedded stack: TensorFlow Serving's stand-in, a puller and a configurator over one models folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from infra.local import programs
from infra.local.child import Child, Command
from infra.local.ports import LOOPBACK, Ports
from infra.local.ready import both, grpc_ready, http_ok, port_open

SERVICE_SECONDS = 30.0
# Importing TensorFlow takes 10 s on a quiet machine and a minute on a busy one.
TENSORFLOW_SECONDS = 180.0
SERVING_FLAGS = (
    "--model_config_file_poll_wait_seconds=0",
    "--file_system_poll_wait_seconds=1",
    "--num_load_threads=2",
    "--num_unload_threads=1",
    "--max_num_load_retries=1",
    "--load_retry_interval_micros=1000000",
    "--allow_version_labels_for_unavailable_models=true",
    "--enable_grpc_healthcheck_service=true",
)
MONITORING = 'prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }\n'


class Loader(StrEnum):
    """How the compatible server loads a SavedModel."""

    TENSORFLOW = "tensorflow"  # real inference, needs .venv-tf
    SCRIPTED = "scripted"  # no TensorFlow; what a load does is written in the version's folder
    AUTO = "auto"  # TensorFlow where it is installed


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What a node is to be: its name, folders, ports and settings."""

    name: str
    models: Path
    grpc_port: int
    rest_port: int
    puller_port: int
    configurator_port: int
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def config_file(self) -> Path:
        """TensorFlow Serving's config, which the configurator rewrites."""
        return self.models / "models.config"


@dataclass(frozen=True, slots=True)
class Node:
    """A running node."""

    plan: NodePlan
    serving: Child
    puller: Child
    configurator: Child

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def models(self) -> Path:
        """The folder all three share."""
        return self.plan.models

    @property
    def serving_address(self) -> str:
        """Where TensorFlow Serving's gRPC answers."""
        return f"{LOOPBACK}:{self.plan.grpc_port}"

    @property
    def rest_url(self) -> str:
        """Where TensorFlow Serving's REST API answers."""
        return f"http://{LOOPBACK}:{self.plan.rest_port}"

    @property
    def puller_url(self) -> str:
        """Where the puller's own HTTP answers."""
        return f"http://{LOOPBACK}:{self.plan.puller_port}"

    @property
    def configurator_url(self) -> str:
        """Where the configurator's own HTTP answers."""
        return f"http://{LOOPBACK}:{self.plan.configurator_port}"

    @property
    def children(self) -> tuple[Child, ...]:
        return (self.serving, self.puller, self.configurator)


def plan(name: str, *, folder: Path, ports: Ports, settings: Mapping[str, str]) -> NodePlan:
    """Give a node its folder and ports; the models folder and a first empty config are made if missing."""
    models = folder / "models"
    models.mkdir(parents=True, exist_ok=True)
    grpc_port = ports.reserve()
    own = {"MM_NODE": name, "MM_MODELS_DIR": str(models), "MM_SERVING_ADDRESS": f"{LOOPBACK}:{grpc_port}"}
    made = NodePlan(
        name,
        models,
        grpc_port=grpc_port,
        rest_port=ports.reserve(),
        puller_port=ports.reserve(),
        configurator_port=ports.reserve(),
        settings={**settings, **own},
    )
    if not made.config_file.exists():
        made.config_file.write_text("model_config_list {}\n")
    (folder / "monitoring.config").write_text(MONITORING)
    return made


def serving(plan: NodePlan, loader: Loader) -> Command:
    """The compatible server with the flags production uses."""
    with_tensorflow = programs.tensorflow_python() if loader is not Loader.SCRIPTED else None
    if loader is Loader.TENSORFLOW and with_tensorflow is None:
        raise programs.MissingProgram(".venv-tf is missing; run `make setup`, or choose --loader scripted")
    argv = (
        str(with_tensorflow or programs.python()),
        *("-m", "infra.tfserving", *SERVING_FLAGS),
        f"--port={plan.grpc_port}",
        f"--rest_api_port={plan.rest_port}",
        f"--bind_address={LOOPBACK}",
        f"--model_config_file={plan.config_file}",
        f"--monitoring_config_file={plan.models.parent / 'monitoring.config'}",
        f"--loader={Loader.TENSORFLOW if with_tensorflow else Loader.SCRIPTED}",
    )
    seconds = TENSORFLOW_SECONDS if with_tensorflow else SERVICE_SECONDS
    ready = both(port_open(plan.rest_port), grpc_ready(plan.grpc_port))
    return Command(f"serving-{plan.name}", argv, ready=ready, ready_seconds=seconds)


def service(plan: NodePlan, program: str, *, port: int) -> Command:
    """The puller or the configurator, up when its loop turns (`/livez`)."""
    return Command(
        f"{program}-{plan.name}",
        (str(programs.python()), "-m", program),
        ready=http_ok(port, "/livez"),
        environment={**plan.settings, "MM_HTTP_HOST": LOOPBACK, "MM_HTTP_PORT": str(port), "MM_LOG_FORMAT": "text"},
        ready_seconds=SERVICE_SECONDS,
    )
