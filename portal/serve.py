"""Serves web and worker together until told to stop: ``python -m portal.serve``."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from types import FrameType

from portal.config import ROOT, Config

WEB_WORKERS = 2
PAUSE = 5.0
"""Seconds from one start of the worker to the next, should it die at once."""
PR_SET_PDEATHSIG = 1
PATIENCE = 20.0
"""Seconds that children get to end their work."""


def main() -> int:
    """Run the web server and the worker; gives the status of the web server.

    A worker that dies is started again; when the web server ends, all ends. ``HOST`` is where to
    listen, 127.0.0.1 unless told otherwise, since TLS is a proxy's work.
    """
    config = Config.from_env(os.environ)
    _end_on_signal(signal.SIGTERM, signal.SIGINT)
    host = os.environ.get("HOST") or "127.0.0.1"
    print(f"http://{host}:{config.port}/", flush=True)
    web = _start(*_granian(host, config.port))
    worker = _start("portal.worker")
    began = time.monotonic()
    try:
        while web.poll() is None:
            if worker.poll() is not None and time.monotonic() - began > PAUSE:
                worker, began = _start("portal.worker"), time.monotonic()
            time.sleep(0.2)
        return web.returncode
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(web, worker)


def _granian(host: str, port: int) -> list[str]:
    options = ["--interface", "wsgi", "--host", host, "--port", str(port), "--no-ws"]
    sizes = ["--workers", str(WEB_WORKERS), "--blocking-threads", "4", "--http", "1"]
    # a worker that is told to stop while it still starts does not hear it
    ends = ["--respawn-failed-workers", "--workers-kill-timeout", str(round(PATIENCE / 2))]
    return ["granian", *options, *sizes, *ends, "wsgi:app"]


def _start(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    # in a group of its own, so that Ctrl-C reaches only us and we end it in order
    return subprocess.Popen(  # noqa: S603 - our own modules
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )


def _end_with_parent() -> None:
    """Were we killed outright, a child left behind would hold the port and run jobs twice."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end_on_signal(*signals: signal.Signals) -> None:
    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for each in signals:
        signal.signal(each, end)


def _stop(*children: subprocess.Popen[bytes]) -> None:
    for child in children:
        child.terminate()
    until = time.monotonic() + PATIENCE
    for child in children:
        try:
            child.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


if __name__ == "__main__":
    sys.exit(main())
