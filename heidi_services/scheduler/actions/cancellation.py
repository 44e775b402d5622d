"""Calls that end early when their run is cancelled."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context
from threading import Thread
from typing import Any, TypeVar

from heidi_services.scheduler.actions.base import ActionFailed, RunContext

T = TypeVar("T")
ASK_SECONDS = 1.0


def call_unless_cancelled(context: RunContext, call: Callable[[], T]) -> T:
    """Make a call that waits for a server outside of the platform, in a separate thread.

    Args:
        context: The attempt at the run.
        call: It must have a time limit. Its thread is abandoned when the run is cancelled.

    Raises:
        ActionFailed: The run was cancelled.
    """
    future: Future[Any] = Future()
    Thread(target=copy_context().run, args=(_complete, future, call), name="cancellable call", daemon=True).start()
    while not wait([future], ASK_SECONDS).done:
        if context.is_cancelled():
            raise ActionFailed("the run was cancelled", retry=False)
    result: T = future.result()
    return result


def _complete(future: Future[Any], call: Callable[[], Any]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # raised again where the result is read
        future.set_exception(error)
