"""Writes deploy/local/command_line.json again: `python -m tests.command_line`.

Every program is run until it has made its parser, which is then recorded; nothing else of it runs.
"""

import argparse
import ast
import contextlib
import io
import json
import runpy
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

from deploy.local.command_line import FILE, TYPES, Record
from deploy.local.layout import ROOT
from deploy.local.programs import DEMOS, PROGRAMS, bench_names

TYPE_NAMES: dict[object, str] = {kind: name for name, kind in TYPES.items()}
STORED: dict[type[argparse.Action], str] = {
    argparse._StoreTrueAction: "store_true",
    argparse._StoreFalseAction: "store_false",
    argparse._AppendAction: "append",
}


class Parsed(Exception):
    """A program wants to parse its arguments."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def every_record() -> dict[str, Record]:
    """Return the record of every command, from the programs as they are now."""
    found = {}
    for command, program in PROGRAMS.items():
        found[command] = record_of(inner(parser_of(program.module, program.words), program.words))
    found["bench"] = group("measure", "tests.bench", bench_names())
    found["demo"] = group("run a demo", "deploy.demos", DEMOS)
    return found


def group(description: str, package: str, names: Any) -> Record:
    """Return the record of a command whose subcommands are modules of one package."""
    parsers = {}
    for name in names:
        module = f"{package}.{name}"
        about = docstring(module)
        made = {"description": about, **record_of(parser_of(module))}
        parsers[name] = {**made, "help": about.partition("\n")[0].replace("%", "%%")}
    keywords = {"dest": "name", "required": True, "metavar": "NAME"}
    return {"description": description, "subcommands": {"keywords": keywords, "parsers": parsers}}


def docstring(module: str) -> str:
    """Return what a module says of itself."""
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def parser_of(module: str, words: Iterable[str] = ()) -> argparse.ArgumentParser:
    """Return the parser that a program makes for the command that `words` name.

    Raises LookupError when it makes none.
    """

    def stop(self: argparse.ArgumentParser, *_given: Any, **_more: Any) -> NoReturn:
        raise Parsed(self)

    with (
        patch.object(argparse.ArgumentParser, "parse_args", stop),
        patch.object(argparse.ArgumentParser, "parse_known_args", stop),
        patch.object(sys, "argv", [module, *words]),
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", RuntimeWarning)  # a module that was imported is run again
        try:
            runpy.run_module(module, run_name="__main__")
        except Parsed as parsed:
            return parsed.parser
    raise LookupError(f"{module} makes no parser")


def inner(parser: argparse.ArgumentParser, words: tuple[str, ...]) -> argparse.ArgumentParser:
    """Return the parser of a subcommand."""
    for word in words:
        [parser] = (
            action.choices[word]
            for action in parser._actions
            if isinstance(action, argparse._SubParsersAction)
        )
    return parser


def record_of(parser: argparse.ArgumentParser) -> Record:
    """Return all of a parser that its help and its checks of words are made of."""
    record: Record = {}
    if parser.description:
        record["description"] = parser.description
    if parser.epilog:
        record["epilog"] = parser.epilog
    record["arguments"] = [
        argument(action)
        for action in parser._actions
        if not isinstance(action, argparse._SubParsersAction | argparse._HelpAction)
    ]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            record["subcommands"] = subcommands(action)
    return record


def subcommands(action: "argparse._SubParsersAction[Any]") -> Record:
    """Return the record of a parser's subcommands."""
    keywords: Record = {"dest": action.dest, "required": action.required}
    if action.metavar:
        keywords["metavar"] = action.metavar
    helps = {choice.dest: choice.help for choice in action._choices_actions}
    parsers = {}
    for name, parser in action.choices.items():
        told = {"help": helps[name]} if helps.get(name) else {}
        parsers[name] = {**told, **record_of(parser)}
    return {"keywords": keywords, "parsers": parsers}


def argument(action: argparse.Action) -> Record:
    """Return the arguments of `add_argument` that make this action again."""
    option = bool(action.option_strings)
    stored = next((name for kind, name in STORED.items() if isinstance(action, kind)), "")
    flag = stored.startswith("store_")
    dashed = f"--{action.dest.replace('_', '-')}"
    choices = [each if isinstance(each, int) else str(each) for each in action.choices or ()]
    default = action.default if isinstance(action.default, int | float | str) else None
    record = {
        "names": action.option_strings or [action.dest],
        "action": stored,
        "dest": action.dest if option and dashed not in action.option_strings else "",
        "type": TYPE_NAMES.get(action.type),
        "nargs": None if flag else action.nargs,
        "metavar": action.metavar,
        "help": action.help,
        "choices": choices,
        "required": option and action.required,
    }
    told = {name: value for name, value in record.items() if value}
    return told if stored or default is None else {**told, "default": default}


def written() -> str:
    """Return the file as it should be."""
    return json.dumps(every_record(), indent=1, ensure_ascii=False) + "\n"


def changed(text: str) -> Iterator[str]:
    """Yield the commands that a text records in another way than their programs are."""
    before = json.loads(text)
    for command, record in every_record().items():
        if before.get(command) != json.loads(json.dumps(record)):
            yield command


def write(path: Path = FILE) -> None:
    """Write the file."""
    path.write_text(written(), encoding="utf-8")


if __name__ == "__main__":
    write()
