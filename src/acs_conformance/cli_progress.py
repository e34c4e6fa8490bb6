"""Progress on the terminal: a bar where somebody watches, plain lines otherwise.

In: how far a command is. Out: text on standard error, so that standard output stays for results.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

#: Told the name of what was done last, how much is done and how much there is.
Show = Callable[[str, int, int], None]


def shown() -> Show:
    """A bar on a terminal, lines elsewhere."""
    return _bar() if sys.stderr.isatty() else _lines()


def _bar() -> Show:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("", total=None)
    bar.start()

    def show(name: str, done: int, planned: int) -> None:
        bar.update(task, completed=done, total=planned, description=name)
        if done >= planned:
            bar.stop()

    return show


def _lines() -> Show:
    shown = 0

    def show(_name: str, done: int, planned: int) -> None:
        nonlocal shown
        tenth = done * 10 // max(1, planned)
        if tenth > shown:
            shown = tenth
            click.echo(f"{done} of {planned}", err=True)

    return show
