"""Commands that are imported when they are used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from types import ModuleType
from typing import Any

import click
from flask.cli import AppGroup


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


class LazyGroup(AppGroup):
    """A group of which only the module of the command that is used is imported.

    Args:
        name: The name of the group.
        modules: Function that imports a module -> the commands that the module adds to this group.
    """

    def __init__(self, name: str, modules: Mapping[Callable[[], ModuleType], Sequence[str]]) -> None:
        super().__init__(name)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(chain.from_iterable(self._modules.values()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for load, commands in self._modules.items():
            if cmd_name in commands:
                load()
        return super().get_command(ctx, cmd_name)
