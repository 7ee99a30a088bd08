"""The supervisor leaves nothing behind, whatever ends it, and says why a child did not start."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local.child import HOLD, ChildError, Command
from infra.local.ports import LOOPBACK, Ports
from infra.local.ready import port_open
from infra.local.supervisor import Supervisor
from tests.support.stack import eventually

PARENT = """
import time
from pathlib import Path
from infra.local.child import Command
from infra.local.supervisor import Supervisor

with Supervisor() as supervisor:
    note = supervisor.folder / "note"
    script = f"sleep 1000 & echo $$ $! > {note}.new; mv {note}.new {note}; wait"
    supervisor.start(Command("tree", ("sh", "-c", script), ready=note.exists))
    print(supervisor.folder, note.read_text().strip(), flush=True)
    time.sleep(1000)
"""
LISTEN = """
import socket, sys
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen()
while True:
    server.accept()[0].close()
"""


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not yet collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def at_once() -> bool:
    return True


def listener(port: int) -> Command:
    return Command("listener", (sys.executable, "-c", LISTEN, str(port)), ready=port_open(port))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_nothing_outlives_a_killed_parent(number: signal.Signals) -> None:
    """However the parent ends, its children, their children and its folder are gone soon."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert parent.stdout is not None
    folder, *pids = (await parent.stdout.readline()).decode().split()
    assert all(is_alive(int(pid)) for pid in pids)
    parent.send_signal(number)
    await parent.wait()
    await eventually(lambda: not any(is_alive(int(pid)) for pid in pids) and not Path(folder).exists())


def test_a_held_command_never_runs_without_its_guard(tmp_path: Path) -> None:
    """A parent that dies before the guard knows the child leaves a shell that ends without running the command."""
    ran = tmp_path / "ran"
    held = subprocess.run(["sh", "-c", HOLD, "held", "touch", str(ran)], stdin=subprocess.DEVNULL, check=False)
    assert held.returncode != 0
    assert not ran.exists()


def test_an_early_death_is_told_with_the_last_words() -> None:
    """A child that dies while starting is reported at once, with its exit code and the end of its log."""
    command = Command("broken", ("sh", "-c", "echo no such bucket >&2; exit 3"), ready=lambda: False)
    with (
        Supervisor() as supervisor,
        pytest.raises(ChildError, match=r"broken ended with exit code 3(.|\n)*no such bucket"),
    ):
        supervisor.start(command)


def test_a_missing_program_is_told() -> None:
    """A program that is not there is reported by name."""
    command = Command("absent", ("/no/such/program",), ready=lambda: False)
    with Supervisor() as supervisor, pytest.raises(ChildError, match="/no/such/program"):
        supervisor.start(command)


def test_a_silent_child_is_given_up_after_its_time() -> None:
    """A child that never answers is reported when its time is over, and stopped."""
    command = Command("mute", ("sleep", "1000"), ready=lambda: False, ready_seconds=0.1)
    with Supervisor() as supervisor, pytest.raises(ChildError, match=r"mute did not answer within 0\.1 s"):
        supervisor.start(command)


def test_children_stop_in_the_reverse_order_of_their_start(tmp_path: Path) -> None:
    """What others lean on is stopped last, and each gets the chance to end by itself."""
    order = tmp_path / "order"
    with Supervisor() as supervisor:
        for name in ("first", "second", "third"):
            up = tmp_path / name
            script = f"trap 'echo {name} >> {order}; exit 0' TERM; touch {up}; while :; do sleep 0.05; done"
            supervisor.start(Command(name, ("sh", "-c", script), ready=up.exists))
    assert order.read_text().split() == ["third", "second", "first"]


def test_a_deaf_child_is_killed_after_its_grace(tmp_path: Path) -> None:
    """A child that ignores SIGTERM does not hold up the end."""
    up = tmp_path / "up"
    script = f"trap '' TERM; touch {up}; while :; do sleep 0.05; done"
    with Supervisor() as supervisor:
        child = supervisor.start(Command("deaf", ("sh", "-c", script), ready=up.exists, stop_seconds=0.2))
    assert child.exit_code == -signal.SIGKILL


def test_a_paused_child_can_be_stopped() -> None:
    """A frozen child still ends at SIGTERM, because it is woken for it."""
    with Supervisor() as supervisor:
        child = supervisor.start(Command("frozen", ("sleep", "1000"), ready=at_once))
        child.pause()
    assert child.exit_code == -signal.SIGTERM


@pytest.mark.parametrize("end", [lambda child: child.kill(), lambda child: child.stop()])
def test_a_child_comes_back_on_its_own_port(end: Callable[[object], None]) -> None:
    """After a kill or a stop the same port is free for the same child, and for nobody else."""
    with Supervisor() as supervisor:
        port = supervisor.ports.reserve()
        child = supervisor.start(listener(port))
        before = child.pid
        end(child)
        assert not port_open(port)()
        child.start()
        assert port_open(port)()
        assert child.pid != before


def test_a_reserved_port_is_given_to_nobody_else() -> None:
    """While a port is reserved, a plain bind to it fails and the kernel hands it to no one who asks for any port."""
    with Ports() as ports, socket.socket() as other:
        port = ports.reserve()
        with pytest.raises(OSError, match="in use"):
            other.bind((LOOPBACK, port))


def test_a_port_one_wishes_for_goes_to_the_first() -> None:
    """A wish is granted once; whoever comes second, before the first listens or after, gets another free port."""
    with Ports() as asked, Ports() as first, Ports() as second, socket.socket() as server:
        wish = asked.reserve()
        asked.close()
        assert first.reserve(wish) == wish
        assert second.reserve(wish) not in {0, wish}
        first.close()
        server.bind((LOOPBACK, wish))
        server.listen()
        assert second.reserve(wish) not in {0, wish}


def test_a_given_folder_stays() -> None:
    """Data and logs stay where the caller wants to keep them."""
    with Supervisor() as outer:
        kept = outer.new_folder("kept")
        with Supervisor(kept) as supervisor:
            up = kept / "up"
            script = f"echo hello; touch {up}; sleep 1000"
            supervisor.start(Command("speaker", ("sh", "-c", script), ready=up.exists))
        assert (kept / "logs/speaker.log").read_text() == "hello\n"
    assert not kept.exists()


def test_each_start_of_a_name_has_its_own_log() -> None:
    """Two children of one name do not write into one log."""
    with Supervisor() as supervisor:
        command = Command("twin", ("sleep", "1000"), ready=at_once)
        assert supervisor.start(command).log != supervisor.start(command).log
