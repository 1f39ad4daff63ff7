"""One of many who pay at once: ``python -m tests.support.rush LOGIN ATTEMPTS PROGRAMME``.

Signs in, then sends the form of a new payment batch again and again, for one union after the
other, and between two forms takes one fen from the budget as a batch does. Prints how often each
status was answered and how many fen were taken.
"""

from __future__ import annotations

import json
import sys
from collections import Counter

from sqlalchemy import select

from models.base import db, writing
from models.funding import Budget
from models.organization import Organization
from portal.app import create_app
from portal.funding.budget import spend
from tests.web.pages import Browser


def main() -> None:
    """Rush, and tell what came of it."""
    login, attempts, programme = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    app = create_app()
    browser, answers, taken = Browser(app), Counter[int](), 0
    with app.app_context():
        unions = list(db.session.scalars(select(Organization.id).where(Organization.depth == 1)))
        db.session.remove()
    answers[browser.log_in(login).status_code] += 1
    for attempt in range(attempts):
        union = unions[attempt % len(unions)]
        sent = browser.post("/payment/new/", programme=programme, district=str(union))
        answers[sent.status_code] += 1
        with app.app_context(), writing():
            budget = db.session.scalars(select(Budget)).one()
            taken += spend(db.session(), budget, 1)
            db.session.commit()
            db.session.remove()
    print(json.dumps({"answers": answers, "taken": taken}))


if __name__ == "__main__":
    main()
