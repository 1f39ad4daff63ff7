"""A worker that is killed outright at a chosen moment: ``python -m tests.support.dying_worker``.

Takes the job's id, the size of a part, a moment (``inside`` a part or ``between`` two) and how
many parts it may end before. Without a moment it lives.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from models.base import db, writing
from portal.app import create_app
from portal.jobs import resume, run
from portal.review import bulk, decide
from portal.web.actor import clock


def main() -> None:
    """Take up what waits, and die on the way."""
    part, moment, after = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    bulk.PART, bulk.PAUSE = part, 0.0
    _plan(moment, after)
    app = create_app()
    with app.app_context():
        with writing():
            waiting = resume(db.session())
            db.session.commit()
        for job_id in waiting:
            run(job_id, clock())


def _plan(moment: str, after: int) -> None:
    ended = 0

    def between(*arguments: Any) -> Any:
        nonlocal ended
        ended += 1
        if moment == "between" and ended > after + 1:
            _die()
        return counts(*arguments)

    def inside(*arguments: Any, **named: Any) -> None:
        seal(*arguments, **named)
        if moment == "inside" and ended > after:
            db.session.flush()
            _die()

    counts, seal = bulk._counts, decide.seal_rows
    bulk._counts, decide.seal_rows = between, inside


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
