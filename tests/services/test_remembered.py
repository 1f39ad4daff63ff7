"""Figures are kept while nothing is written, slow ones a little longer, and worked out once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask import Flask

from models.base import begin_writing, db
from portal import remembered
from portal.access.accounts import system_actor
from portal.access.audit import record
from portal.remembered import Figure


class _Time:
    """A clock that is told how far it has come."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        """The seconds so far."""
        return self.seconds


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Time]:
    time = _Time()
    monkeypatch.setattr(remembered, "time", time)
    remembered.forget()
    yield time
    remembered.forget()


@pytest.fixture
def kept(app: Flask, passing: _Time) -> Iterator[_Figures]:
    with app.app_context():
        yield _Figures(passing)


class _Figures:
    """Figures that count how often they were worked out."""

    def __init__(self, time: _Time) -> None:
        self.time, self.worked = time, 0

    def asked(self, takes: float = 0.0, key: str = "cases") -> int:
        """The number of the working out that is answered."""

        def work() -> int:
            self.worked += 1
            self.time.seconds += takes
            return self.worked

        figure: Figure[int] = remembered.remembered(db.session(), key, work)
        db.session.rollback()
        return figure.value

    def write(self) -> None:
        """Let somebody write anything."""
        begin_writing()
        actor = system_actor(db.session())
        record(db.session(), actor, remembered.datetime.now(remembered.UTC), "test", "test", None)
        db.session.commit()


def test_a_figure_stands_until_something_is_written(kept: _Figures) -> None:
    assert [kept.asked(), kept.asked(), kept.asked(key="other")] == [1, 1, 2]
    kept.time.seconds += 10_000
    assert kept.asked() == 1
    kept.write()
    assert [kept.asked(), kept.asked()] == [3, 3]


def test_a_slow_one_stands_for_ten_times_its_cost(kept: _Figures) -> None:
    assert kept.asked(takes=2.0) == 1
    kept.write()
    kept.time.seconds += 17.9
    assert kept.asked() == 1
    kept.time.seconds += 0.2
    assert kept.asked() == 2


def test_no_more_are_kept_than_agreed(kept: _Figures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST", 2)
    assert [kept.asked(key=key) for key in "abca"] == [1, 2, 3, 4]


def test_those_who_ask_at_once_wait_for_one(app: Flask, passing: _Time) -> None:
    begun, may_end = threading.Event(), threading.Event()
    found: list[int] = []

    def slow() -> int:
        begun.set()
        assert may_end.wait(10)
        return len(found)

    def ask() -> None:
        with app.app_context():
            figure = remembered.remembered(db.session(), "slow", slow)
            found.append(figure.value)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    threads[0].start()
    assert begun.wait(10)
    begun.clear()
    for thread in threads[1:]:
        thread.start()
    may_end.set()
    for thread in threads:
        thread.join(10)
    assert found == [0, 0, 0]
    assert not begun.is_set()
