"""A command that is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import click


class LazyCommand(click.Command):
    """Stands for a command in lists and help texts, so that others need not wait for its imports.

    Args:
        name: The name of the command.
        about: Its help text.
        load: Imports the command.
        adapt: Changes it for this app.
    """

    def __init__(
        self,
        name: str,
        about: str,
        load: Callable[[], click.Command],
        adapt: Callable[[click.Command], click.Command],
    ) -> None:
        super().__init__(name, help=about)
        self._load, self._adapt = load, adapt

    @cached_property
    def _command(self) -> click.Command:
        command = self._adapt(self._load())
        command.help = command.help or self.help
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        return self._command.make_context(info_name, args, parent=parent, **extra)
