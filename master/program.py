"""The master as a program: its HTTP port, its commands over NATS, and what runs beside them."""

from collections.abc import Mapping

from master.api.app import create, refuse_open
from master.app import build
from master.commands import nats_api
from master.settings import MasterSettings
from service import hosts, http, logs, micro, process, settings
from service.commands import Commands
from service.version import __version__

PURPOSE = "python -m master: shows what every node serves, and changes it; any number of masters may run."

log = logs.get("master.program")


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Run the program; its exit code."""
    chosen = settings.start(MasterSettings, arguments=arguments, environment=environment, purpose=PURPOSE)
    return process.launch(chosen, environment, program=lambda: _run(chosen))


async def _run(chosen: MasterSettings) -> None:
    refuse_open(chosen)
    listener = http.listen(chosen.http_host, chosen.http_port)
    master, jobs = build(chosen, http=process.address(chosen, listener))
    api = create(master, pages=http.pages(master.health, master.report, names=hosts.own_names(chosen)))
    cluster = Commands(chosen.node, "master", nats_api.handles(master))
    master.bus.answer(micro.in_cluster(cluster, node=chosen.node, software=__version__))
    log.info("service started", service="master", node=chosen.node, http=master.http)
    await process.together(
        http.serve(api.app, listener, is_many=api.proxies.trusts), api.streams.run(), *(job() for job in jobs)
    )
