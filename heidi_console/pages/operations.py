"""Operations across services: the list, one operation with its steps, and a new one."""

from __future__ import annotations

from uuid import UUID

from flask import render_template, request
from werkzeug.wrappers import Response
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

from heidi_console import calls
from heidi_console.access import ADMIN
from heidi_console.api.problems import ApiProblem
from heidi_console.components.paging import filters, page_of
from heidi_console.forms.base import ConsoleForm
from heidi_console.forms.fields import JsonField
from heidi_console.pages.area import Area
from heidi_console.pages.responses import done
from heidi_console.translations import lazy, translate

area = Area("operations", lazy("Operations"), role=ADMIN, group=lazy("Automation"))
EXAMPLES = {
    "onboard-user": '{"email": "ada@example.org", "firstName": "Ada", "role": "USER"}',
    "offboard-user": '{"userId": "..."}',
    "broadcast": '{"message": {"channel": "IN_APP", "content": "Maintenance tonight"}, "role": "USER"}',
}


class OperationForm(ConsoleForm):
    """The type of an operation and its input."""

    type = SelectField(lazy("Operation"), choices=[SelectChoice(name, name) for name in EXAMPLES])
    input = JsonField(lazy("Input"), render_kw={"rows": 8, "class": "code", "spellcheck": "false"})


@area.list()
def list_() -> str:
    """The operations, newest first."""
    chosen = filters("type", "status")
    response = calls.get("/core/operations", **page_of(**chosen))
    return render_template(
        "operations/list.html", operations=response.data, meta=response.meta, filters=chosen, types=list(EXAMPLES)
    )


@area.show("/<uuid:operation_id>")
def show(operation_id: UUID) -> str:
    """One operation with its steps."""
    return render_template("operations/show.html", operation=calls.get(f"/core/operations/{operation_id}").data)


@area.form("/new")
def form_new() -> str | Response:
    """Start an operation."""
    chosen = request.args.get("type", "onboard-user")
    form = OperationForm(type=chosen, input=EXAMPLES.get(chosen))
    if form.validate_on_submit():
        try:
            body = {"type": form.type.data, "input": form.input.value}
            operation = calls.post("/core/operations", body, key=form.request_key.data).data
            return done(translate("The operation has started."), "operations.show", operation_id=operation["id"])
        except ApiProblem as problem:
            form.show_problem(problem)
    return render_template("operations/form_new.html", form=form, examples=EXAMPLES)
