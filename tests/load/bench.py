"""``make bench``: fill both databases once, then measure beside the bare statements.

The data stay in ``build/bench``; take that folder away to fill anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal.config import ROOT
from portal.policy.pack_files import read
from portal.policy.pack_rows import rows_of
from tests.browser.conftest import CHROMIUM
from tests.load import crowd
from tests.support import postgres

KEPT = ROOT / "build" / "bench"
ROOMY = ("-c shared_buffers=1GB", "-c work_mem=64MB", "-c max_wal_size=8GB")


def main(applications: int) -> None:
    """Measure on *applications* cases, on SQLite and where it is here on PostgreSQL."""
    for name, opened in (("sqlite", _sqlite), ("postgresql", _postgresql)):
        home = KEPT / f"{name}-{applications}"
        with opened(home) as url:
            if url is None:
                print(f"{name}: not on this machine, skipped")
                continue
            _fill(home, url, applications)
            _print(_flask(home, url, "bench", "run"))
            if CHROMIUM.exists():
                print(json.dumps(crowd.measure(_environment(home, url)), indent=2))
            else:
                print(f"there is no Chromium at {CHROMIUM}: nobody decided in a browser")
        home = KEPT / f"{name}-{applications}-largest"
        with opened(home) as url:
            if url is not None:
                _fill(home, url, applications, "--programme", _largest(), "--unreviewed")
                _print(_flask(home, url, "bench", "run", "--skip", "pages,bulk,export,money"))


def _largest() -> str:
    """The programme whose pack has most rows."""
    packs = (ROOT / "seed" / "programmes").glob("*.yaml")
    found = {path.stem: rows_of(read(path)[0].document) for path in packs}
    return max(found, key=lambda code: sum(map(len, found[code].values())))


def _fill(home: Path, url: str, applications: int, *options: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    _flask(home, url, "db", "upgrade")
    mark = home / "filled.json"
    if mark.exists():
        return
    told = _flask(home, url, "bench", "generate", "--applications", str(applications), *options)
    mark.write_text(told, encoding="utf-8")
    print(told)


def _flask(home: Path, url: str, *words: str) -> str:
    told = ("--json",) if words[0] == "bench" else ()
    command = [sys.executable, "-m", "flask", *words, *told]
    own = os.environ | _environment(home, url)
    ran = subprocess.run(command, cwd=ROOT, env=own, check=True, stdout=subprocess.PIPE, text=True)
    return ran.stdout


def _environment(home: Path, url: str) -> dict[str, str]:
    return {"PORTAL_HOME": str(home), "DATABASE_URL": url, "PORTAL_TODAY": "2026-08-03"}


def _print(told: str) -> None:
    found = json.loads(told)
    print(f"\n{found['database']}, {found['applications']:,} applications")
    print(f"{'':44}{'ours, ms':>12}{'bare, ms':>12}{'ratio':>8}")
    for row in found["measured"]:
        figures = f"{row['ours_ms']:>12,.1f}{row['bare_ms']:>12,.1f}{row['ratio']:>8.2f}"
        print(f"{row['name']:44}{figures}  {row['note']}")


@contextmanager
def _sqlite(home: Path) -> Iterator[str | None]:
    yield f"sqlite:///{home / 'portal.db'}"


@contextmanager
def _postgresql(home: Path) -> Iterator[str | None]:
    if not postgres.is_here():
        yield None
        return
    # the server's own user must reach its data, wherever the checkout lies
    place = Path(tempfile.gettempdir()) / f"jiangxin-bench-{home.name}"
    with postgres.running(place, *ROOMY) as server:
        if not (home / "filled.json").exists():
            postgres.administer(server, "DROP DATABASE IF EXISTS bench")
            postgres.administer(server, "CREATE DATABASE bench")
        yield server.format(name="bench")


if __name__ == "__main__":
    main(int(sys.argv[1]))
