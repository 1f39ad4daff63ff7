"""A PostgreSQL of our own: started in a folder, reached by a socket, stopped at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

PROGRAMS = Path(os.environ.get("POSTGRES_BIN", "/usr/lib/postgresql/15/bin"))
CARELESS = ("-F", "-c", "full_page_writes=off")
"""For tests: what a crash would lose does not matter."""


def is_here() -> bool:
    """Whether PostgreSQL's programs are on this machine."""
    return (PROGRAMS / "initdb").exists()


@contextmanager
def running(home: Path, *options: str) -> Iterator[str]:
    """A server whose data lie in *home*, made there if need be.

    Gives its address with ``{name}`` for the database. *home* has a short path: the socket's name
    may have a hundred characters.
    """
    home.mkdir(parents=True, exist_ok=True)
    data = home / "data"
    if not data.exists():
        _program(
            home, "initdb", "-D", data, "-U", "portal", "-A", "trust", "--no-sync",
            "-E", "UTF8", "--locale=C.UTF-8",
        )  # fmt: skip
    settings = " ".join([*options, "-c listen_addresses=''", f"-k {home}"])
    _program(home, "pg_ctl", "-D", data, "-w", "-o", settings, "-l", home / "log", "start")
    try:
        yield f"postgresql+psycopg://portal@/{{name}}?host={home}"
    finally:
        _program(home, "pg_ctl", "-D", data, "-m", "fast", "stop")


def administer(server: str, command: str) -> None:
    """Run one statement of administration."""
    address = server.replace("+psycopg", "").format(name="postgres")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(command)


def _program(home: Path, program: str, *arguments: object) -> None:
    command = [str(PROGRAMS / program), *map(str, arguments)]
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root
        shutil.chown(home, "postgres")
        command = ["runuser", "-u", "postgres", "--", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
