"""Long polling: `?wait=` delays a response until the run has ended. A waiting request counts as an open stream."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from flask import Response, current_app, request
from marshmallow import Schema

from heidi_common.interceptors.open_streams import reserve_stream
from heidi_common.interceptors.transform import enveloped
from heidi_common.metrics.request_metrics import measure_as_long_poll
from heidi_services.scheduler.service.runs.manual_runs import wait_for_run

View = Callable[..., Any]


def supports_wait(schema: type[Schema]) -> Callable[[View], View]:
    """Wait up to `?wait=` seconds for the run in a 202 response, then respond with the run as it is.

    This must be the outermost decorator that may hold a transaction open: a worker only sees committed runs.

    Args:
        schema: Serializes the run.
    """

    def decorator(view: View) -> View:
        @wraps(view)
        def wrapper(*args: Any, **values: Any) -> Any:
            if not request.args.get("wait"):
                return view(*args, **values)
            end_wait = reserve_stream()  # before the view: a run that is rejected with 429 must not have been created
            try:
                response = current_app.make_response(view(*args, **values))
                seconds = float(request.args["wait"])  # the view has validated it
                if response.status_code == 202 and seconds > 0:
                    _replace_run(response, schema, values["schedule_id"], seconds)
                return response
            finally:
                end_wait()

        return wrapper

    return decorator


def _replace_run(response: Response, schema: type[Schema], schedule_id: UUID, seconds: float) -> None:
    measure_as_long_poll()
    run_id = UUID(current_app.json.loads(response.get_data())["data"]["id"])
    run = wait_for_run(schedule_id, run_id, seconds)
    response.set_data(current_app.json.dumps(enveloped(schema().dump(run))))
