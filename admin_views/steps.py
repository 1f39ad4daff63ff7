"""A step of a record that asks something first: a page with a short form, and what follows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, request

from models.base import Refusal, db
from portal.web.errors import words_of


class Stepping:
    """What the views of such records have."""

    render: Any

    def step(
        self,
        form: Any,
        act: Callable[[], Any],
        title: str,
        lead: str,
        back: str,
        *,
        ends: type[Refusal] | tuple[type[Refusal], ...] = (),
        submit: str = "",
    ) -> Any:
        """The page, or once its form is sent what *act* answers when it is done and safe.

        What is refused is told on the page with all that was typed; where the refusal *ends* the
        step, one is led *back*.
        """
        if request.method == "POST" and form.validate():
            try:
                answer = act()
                db.session.commit()
            except Refusal as refusal:
                db.session.rollback()
                flash(words_of(refusal), "error")
                if isinstance(refusal, ends):
                    return redirect(back)
            else:
                return answer
        return self.render(
            "admin/model/edit.html",
            form=form,
            form_opts=None,
            return_url=back,
            form_title=title,
            form_lead=lead,
            form_submit=submit,
        )
