"""Operations across services: the list, one operation with its steps, and a new one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import abort, render_template, request
from werkzeug.wrappers import Response

from heidi_console import calls
from heidi_console.access import ADMIN
from heidi_console.api.problems import ApiProblem
from heidi_console.components.paging import filters, page_of
from heidi_console.forms.base import ConsoleForm
from heidi_console.forms.schema import SchemaField, read_fields, schema_fields, show_object_problem
from heidi_console.pages.area import Area
from heidi_console.pages.responses import done, part
from heidi_console.translations import lazy, translate

area = Area("operations", lazy("Operations"), role=ADMIN, group=lazy("Automation"))


@area.list()
def list_() -> str:
    """The operations, newest first."""
    chosen = filters("type", "status")
    response = calls.get("/core/operations", **page_of(**chosen))
    types = [each["type"] for each in part("/core/operation-types") or []]
    return render_template(
        "operations/list.html", operations=response.data, meta=response.meta, filters=chosen, types=types
    )


@area.show("/<uuid:operation_id>")
def show(operation_id: UUID) -> str:
    """One operation with its steps."""
    return render_template("operations/show.html", operation=calls.get(f"/core/operations/{operation_id}").data)


@area.form("/new")
def form_type() -> str:
    """Choose what to do."""
    return render_template("operations/form_type.html", types=calls.get("/core/operation-types").data)


@area.form("/new/<operation_type>")
def form_new(operation_type: str) -> str | Response:
    """Start an operation: a form generated from the schema of its input."""
    types = {each["type"]: each for each in calls.get("/core/operation-types").data}
    if operation_type not in types:
        abort(404)
    form, fields = ConsoleForm(), schema_fields(types[operation_type]["input"], request.args)
    if form.validate_on_submit() and (response := _start(form, fields, operation_type)):
        return response
    return render_template("operations/form_new.html", form=form, fields=fields, type=types[operation_type])


def _start(form: ConsoleForm, fields: list[SchemaField], operation_type: str) -> Response | None:
    """Request the operation. None if something is wrong; the form then says what."""
    values = read_fields(fields, request.form)
    if any(field.error for field in fields):
        return None
    body: dict[str, Any] = {"type": operation_type, "input": values}
    try:
        operation = calls.post("/core/operations", body, key=form.request_key.data).data
    except ApiProblem as problem:
        show_object_problem(form, fields, problem, "input")
        return None
    return done(translate("The operation has started."), "operations.show", operation_id=operation["id"])
