"""Blocking calls run beside the loop, so many at once, and hold up nobody who wants to end."""

import asyncio
import gc
import subprocess
import sys
import threading

import pytest

from service.threads import Threads

LEAVES_A_CALL_BEHIND = """
import asyncio, threading
from service.threads import Threads

async def main():
    asyncio.create_task(Threads(1).run(threading.Event().wait))
    await asyncio.sleep(0)

asyncio.run(main())
"""


async def test_the_result_or_the_error_comes_back() -> None:
    """Who waits gets what the call returned or raised."""
    threads = Threads(1)
    assert await threads.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)
    assert await threads.run(lambda: 8) == 8


async def test_an_abandoned_call_keeps_its_place_until_it_ends() -> None:
    """Whoever gives up waiting makes no room for another call while the thread is still busy."""
    threads, began, go_on = Threads(1), threading.Event(), threading.Event()

    def block() -> None:
        began.set()
        go_on.wait()

    first = asyncio.create_task(threads.run(block))
    await asyncio.to_thread(began.wait)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(threads.run(lambda: "done"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not second.done()
    go_on.set()
    assert await second == "done"


async def test_the_error_of_an_abandoned_call_is_nobodys() -> None:
    """A call that fails after its waiter gave up is not reported as an error that somebody forgot."""
    threads, began, go_on, reported = Threads(1), threading.Event(), threading.Event(), list[str]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["message"]))

    def fail() -> None:
        began.set()
        go_on.wait()
        raise OSError("the server went away")

    waiting = asyncio.create_task(threads.run(fail))
    await asyncio.to_thread(began.wait)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    await threads.run(lambda: None)  # has its place when the first call has ended
    gc.collect()
    assert not reported


def test_a_call_that_never_ends_does_not_keep_the_process() -> None:
    """The process ends although a thread of it still waits for an answer."""
    subprocess.run([sys.executable, "-c", LEAVES_A_CALL_BEHIND], check=True, timeout=60)
