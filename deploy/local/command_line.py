"""The options of every command, known before anything is installed.

`command_line.json` records the parsers of our programs, as their own code makes them;
`python -m tests.command_line` writes it, and a test keeps it true. From it the same parsers are
made here, so that `--help` and a typing error cost no installation. A wrong word is told in one
sentence, with the word that was probably meant. Decision 0168.
"""

import argparse
import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from deploy.local.errors import Stop

FILE = Path(__file__).with_name("command_line.json")
TYPES: Mapping[str, Callable[[str], object]] = {"int": int, "float": float}
"""Types that are checked here; the others are left to the program itself."""
CHOICE = re.compile(r"argument (\S+): invalid choice: '?(.*?)'? \(choose from (.*)\)")
UNKNOWN = re.compile(r"unrecognized arguments: (.*)")
NUMBER = re.compile(r"argument (\S+): invalid (?:int|float) value: (.*)")

Record = dict[str, Any]


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Raise Stop with the sentence."""
        raise Stop(f"{sentence(self, message)} ({self.prog} --help says more)")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; what nobody takes is told by the parser of the subcommand that was meant."""
        given = list(args or ())
        parsed, left = self.parse_known_args(given, namespace)
        if left:
            self.innermost(given).error(f"unrecognized arguments: {' '.join(left)}")
        return parsed

    def innermost(self, words: Sequence[str]) -> "Parser":
        """Return the parser of the last subcommand that these words name."""
        parser: Parser = self
        for word in words:
            found = parser.subcommands().get(word)
            parser = found or parser
        return parser

    def subcommands(self) -> Mapping[str, "Parser"]:
        """Return the parsers of the subcommands by their names."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                return dict(action.choices)
        return {}

    def subcommand_names(self) -> set[str]:
        """Return how argparse calls the subcommand in its errors."""
        choices = (one for one in self._actions if isinstance(one, argparse._SubParsersAction))
        return {name for one in choices for name in (one.dest, str(one.metavar))}

    def options(self) -> list[str]:
        """Return the long options."""
        flags = (flag for action in self._actions for flag in action.option_strings)
        return [flag for flag in flags if flag.startswith("--")]


def sentence(parser: Parser, message: str) -> str:
    """Return what argparse found wrong as a sentence that names what was probably meant."""
    if found := CHOICE.fullmatch(message):
        place, word, listed = found.groups()
        names = [name.strip("' ") for name in listed.split(", ")]
        where = f"{parser.prog} {place}" if place.startswith("-") else parser.prog
        return f"{where} has no {word!r}{meant(word, names) or f': {listing(names)}'}"
    if found := UNKNOWN.fullmatch(message):
        word = found[1].split()[0].partition("=")[0]
        if not word.startswith("-"):
            return f"{parser.prog} takes no {word!r}"
        return f"{parser.prog} has no option {word}{meant(word, parser.options())}"
    if found := NUMBER.fullmatch(message):
        return f"{parser.prog} {found[1]} takes a number, not {found[2]}"
    missing = message.removeprefix("the following arguments are required: ")
    if missing != message:
        if missing in parser.subcommand_names():
            return f"{parser.prog} needs one of: {listing(parser.subcommands())}"
        return f"{parser.prog} needs {missing}"
    return f"{parser.prog}: {message}"


def meant(word: str, known: Iterable[str]) -> str:
    """Return ": did you mean X?" for the nearest known word, "" when none is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f": did you mean {near[0]}?" if near else ""


def listing(names: Iterable[str]) -> str:
    """Return names as a sentence lists them."""
    return ", ".join(names)


def recorded(command: str) -> Parser:
    """Return the parser of a command of `./neo`, with its subcommands."""
    parser = Parser(prog=f"./neo {command}", **_told(records()[command]))
    _complete(parser, records()[command])
    return parser


def records() -> dict[str, Record]:
    """Return what is recorded, by the name of the command."""
    found: dict[str, Record] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def _told(record: Record) -> dict[str, Any]:
    return {"description": record.get("description"), "epilog": record.get("epilog")}


def _complete(parser: argparse.ArgumentParser, record: Record) -> None:
    for argument in record.get("arguments", ()):
        keywords = dict(argument)
        names = keywords.pop("names")
        if "type" in keywords:
            keywords["type"] = TYPES[keywords["type"]]
        parser.add_argument(*names, **keywords)
    if "subcommands" in record:
        made = parser.add_subparsers(**record["subcommands"]["keywords"])
        for name, inner in record["subcommands"]["parsers"].items():
            helped = {"help": inner["help"]} if "help" in inner else {}
            _complete(made.add_parser(name, **helped, **_told(inner)), inner)
