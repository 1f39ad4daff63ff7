"""Web server and worker live and die together: ``python -m portal.serve``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from portal.config import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@dataclass
class Served:
    """A running supervisor with its children."""

    process: subprocess.Popen[bytes]
    port: int

    def child(self, module: str) -> int | None:
        """The process id of the child that runs *module*."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return next((int(each) for each in children if module in _command(int(each))), None)

    def answers(self) -> bool:
        """Whether the web server is there."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False


@pytest.fixture
def served(database_url: str, tmp_path: Path) -> Iterator[Served]:
    """Everything started as ``make run`` starts it, on a database of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "PORTAL_HOME": str(tmp_path),
        "HOST": "127.0.0.1",
        "PORT": str(port),
    }
    command = [sys.executable, "-m", "portal.serve"]
    with subprocess.Popen(command, env=environment, cwd=ROOT) as process:
        found = Served(process, port)
        try:
            _until(found.answers)
            yield found
        finally:
            process.terminate()
            process.wait(30)


def test_a_worker_that_dies_is_replaced_and_all_end_on_term(served: Served) -> None:
    first = served.child("portal.worker")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    _until(lambda: served.child("portal.worker") not in (None, first))
    second = served.child("portal.worker")
    assert second is not None
    served.process.terminate()
    assert served.process.wait(30) == 0
    assert not served.answers()
    assert _is_gone(second)


def test_nothing_outlives_a_killed_supervisor(served: Served) -> None:
    children = [served.child("granian"), served.child("portal.worker")]
    assert None not in children
    served.process.kill()
    _until(lambda: all(_is_gone(child) for child in children if child))
    assert not served.answers()


def test_all_end_when_the_web_server_dies(served: Served) -> None:
    web, worker = served.child("granian"), served.child("portal.worker")
    assert web and worker
    os.kill(web, signal.SIGTERM)
    served.process.wait(30)
    assert _is_gone(worker)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except FileNotFoundError:
        return ""


def _is_gone(pid: int) -> bool:
    return not _command(pid)


def _until(happened: Callable[[], bool]) -> None:
    limit = time.monotonic() + 40
    while not happened():
        assert time.monotonic() < limit, "waited 40 seconds"
        time.sleep(0.1)
