"""`?wait=`: an answer that is held back until the run has ended."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from flask import current_app, request
from marshmallow import Schema

from heidi_common.interceptors.transform import enveloped
from heidi_services.scheduler import service


def waits(schema: type[Schema]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Outside of everything that may still be in a transaction: a worker can only see what is committed."""

    def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def wait(*args: Any, **values: Any) -> Any:
            answer = current_app.make_response(view(*args, **values))
            seconds = float(request.args.get("wait", 0))
            if answer.status_code == 202 and seconds > 0:
                made = current_app.json.loads(answer.get_data())["data"]
                run = service.wait_for(values["schedule_id"], UUID(made["id"]), seconds)
                answer.set_data(current_app.json.dumps(enveloped(schema().dump(run))))
            return answer

        return wait

    return decorator
