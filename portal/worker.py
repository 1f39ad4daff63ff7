"""The process that does background work: ``python -m portal.worker``."""

from __future__ import annotations

from typing import Any

from huey.consumer import Consumer

from models.base import db, writing
from portal.app import create_app
from portal.jobs import queue, resume


def main() -> None:
    """Take up what a dead worker left, then work until told to stop."""
    app = create_app()
    with app.app_context(), writing():
        waiting = resume(db.session())
        db.session.commit()
    for job_id in waiting:
        queue.ring(job_id)
    options: dict[str, Any] = {"workers": 1, "periodic": True, "max_delay": 1.0}
    Consumer(queue.huey, **options).run()


if __name__ == "__main__":
    main()
