"""Amounts as rule files write them, computed exactly.

    1/4 * S * A[:10] + 1/3 * S * A[10:]

Numbers are Fractions and never floats. Names are single letters (S the monthly reference salary, A
the years of seniority, C the amount of the Code) and number inputs. `A[:10]` is the part of A up
to 10, `A[10:]` what lies beyond, `A[5:10]` what lies between. Functions: min, max, floor. Python's
own parser reads the text and only the nodes named here are accepted; nothing is ever executed
(decision 0150).
"""

import ast
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from threading import Lock

from ai_core.calculators.records import Factor, Term

LONGEST_FORMULA = 400
SALARY, SENIORITY, LEGAL_AMOUNT = "S", "A", "C"
LETTERS = frozenset((SALARY, SENIORITY, LEGAL_AMOUNT))

_ONE_PARSER = Lock()
"""Python 3.11 counts the depth of its syntax trees for all threads together: while one is built, a
finalizer may let another thread build one, and SystemError follows (CPython's issue 106905)."""

Numbers = Mapping[str, Fraction]

_FUNCTIONS: Mapping[str, Callable[[list[Fraction]], Fraction]] = {
    "min": min,
    "max": max,
    "floor": lambda numbers: Fraction(math.floor(numbers[0])),
}
_BINARY: Mapping[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
}


@dataclass(frozen=True, slots=True)
class Amount:
    """What a formula gave: its value, and the terms of its sum in the order they are written."""

    value: Fraction
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that was read and checked; `names` are the numbers it needs."""

    text: str
    names: tuple[str, ...]
    tree: ast.expr

    def evaluate(self, numbers: Numbers) -> Amount:
        """Return the amount. Raises KeyError when a name of `names` is not among `numbers`, and
        ZeroDivisionError when it divides by a number that is zero.
        """
        terms = tuple(_term(sign, parts, numbers) for sign, parts in _planned(self.tree))
        return Amount(sum((term.value for term in terms), start=Fraction(0)), terms)


def read_formula(text: str, names: Collection[str] = LETTERS) -> Formula:
    """Read a formula that may use `names`. Raises ValueError saying what is wrong and where."""
    if len(text) > LONGEST_FORMULA:
        raise ValueError(f"a formula has at most {LONGEST_FORMULA} characters")
    try:
        with _ONE_PARSER:
            tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as problem:
        raise ValueError(f"{text!r} cannot be read near character {problem.offset}") from None
    used: dict[str, None] = {}
    _check(tree, text, names, used)
    return Formula(text, tuple(used), tree)


def _check(node: ast.expr, text: str, names: Collection[str], used: dict[str, None]) -> None:
    """Accept only what this language has, and collect the names used."""
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise ValueError(
                f"{text!r} uses {node.id}, which is none of {', '.join(sorted(names))}"
            )
        used[node.id] = None
        return
    for part in _parts(node, text):
        _check(part, text, names, used)


def _parts(node: ast.expr, text: str) -> list[ast.expr]:
    """Return the expressions a node is made of. Raises ValueError for a node of another kind."""
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            return []
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _BINARY:
            return [left, right]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return [operand]
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in _FUNCTIONS:
            _check_count(name, len(parts), text)
            return parts
        case ast.Subscript(value=ast.Name() as sliced, slice=ast.Slice(step=None) as bounds):
            return [sliced, *_constants(bounds, text)]
        case _:
            raise ValueError(f"{text!r}: {ast.unparse(node)!r} is not part of formulas")


def _check_count(name: str, count: int, text: str) -> None:
    wanted = count == 1 if name == "floor" else count >= 2
    if not wanted:
        raise ValueError(f"{text!r}: {name}() takes {'one' if name == 'floor' else 'several'}")


def _constants(bounds: ast.Slice, text: str) -> list[ast.expr]:
    found = [bound for bound in (bounds.lower, bounds.upper) if bound is not None]
    if not found or any(isinstance(node, ast.Name) for end in found for node in ast.walk(end)):
        raise ValueError(f"{text!r}: a slice is written A[:10], A[10:] or A[5:10]")
    return found


def _terms(node: ast.expr, sign: int) -> list[tuple[int, ast.expr]]:
    """Return the terms of a sum with their signs."""
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as operator, right=right):
            turned = sign if isinstance(operator, ast.Add) else -sign
            return [*_terms(left, sign), *_terms(right, turned)]
        case ast.UnaryOp(operand=operand):
            return _terms(operand, -sign)
        case _:
            return [(sign, node)]


@dataclass(frozen=True, slots=True)
class _Part:
    """A factor as it is written: its expression, or what it divides by (`inverse`)."""

    node: ast.expr
    text: str
    name: str | None = None
    start: Fraction | None = None
    stop: Fraction | None = None
    inverse: bool = False

    def factor(self, numbers: Numbers) -> Factor:
        value = _value(self.node, numbers)
        return Factor(
            self.text, 1 / value if self.inverse else value, self.name, self.start, self.stop
        )


@lru_cache(maxsize=4096)
def _planned(tree: ast.expr) -> tuple[tuple[int, tuple[_Part, ...]], ...]:
    """Return the terms of a formula, each with its sign and its factors."""
    return tuple((sign, tuple(_parts_of_product(term))) for sign, term in _terms(tree, 1))


def _term(sign: int, parts: tuple[_Part, ...], numbers: Numbers) -> Term:
    factors = tuple(part.factor(numbers) for part in parts)
    product = math.prod((factor.value for factor in factors), start=Fraction(sign))
    return Term(factors, product)


def _parts_of_product(node: ast.expr) -> list[_Part]:
    """Return the factors of a product, the way it is written."""
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return [*_parts_of_product(left), *_parts_of_product(right)]
        case ast.BinOp(left=left, op=ast.Div(), right=right) if not _is_number(node):
            return [*_parts_of_product(left), _Part(right, f"1/{_written(right)}", inverse=True)]
        case ast.Name(id=name):
            return [_Part(node, name, name)]
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Slice(lower=lower, upper=upper)):
            start = None if lower is None else _value(lower, {})
            stop = None if upper is None else _value(upper, {})
            return [_Part(node, ast.unparse(node), name, start, stop)]
        case _:
            return [_Part(node, _written(node))]


def _written(node: ast.expr) -> str:
    return ast.unparse(node).replace(" / ", "/") if _is_number(node) else ast.unparse(node)


def _is_number(node: ast.expr) -> bool:
    return not any(isinstance(part, ast.Name) for part in ast.walk(node))


def _value(node: ast.expr, numbers: Numbers) -> Fraction:
    match node:
        case ast.Constant(value=int() | float() as number):
            return _constant(number)
        case ast.Name(id=name):
            return numbers[name]
        case ast.BinOp(left=left, op=operator, right=right):
            return _BINARY[type(operator)](_value(left, numbers), _value(right, numbers))
        case ast.UnaryOp(operand=operand):
            return -_value(operand, numbers)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _FUNCTIONS[name]([_value(argument, numbers) for argument in arguments])
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Slice(lower=lower, upper=upper)):
            start = Fraction(0) if lower is None else _value(lower, numbers)
            until = numbers[name] if upper is None else min(numbers[name], _value(upper, numbers))
            return max(until - start, Fraction(0))
        case _:
            raise ValueError(f"{ast.unparse(node)!r} is not part of formulas")


@lru_cache(maxsize=1024)
def _constant(number: float) -> Fraction:
    """Return the decimal as it is written, not the float nearest to it."""
    return Fraction(repr(number))
