"""Commands that are imported when they are used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from itertools import chain
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
        package: The package of the modules.
        modules: Module -> the commands that it adds to this group.
    """

    def __init__(self, name: str, package: str, modules: Mapping[str, Sequence[str]]) -> None:
        super().__init__(name)
        self._package, self._modules = package, modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(chain.from_iterable(self._modules.values()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for module, commands in self._modules.items():
            if cmd_name in commands:
                import_module(f"{self._package}.{module}")
        return super().get_command(ctx, cmd_name)
