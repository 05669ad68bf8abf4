"""The inputs of a calculator as JSON Schema, so that a page or a program builds its form."""

from collections.abc import Mapping
from typing import Protocol

from ai_core.calculators.catalogue import Calculator, choices_of, inputs_of
from ai_core.calculators.inputs import ABSENCE_REASONS, INPUTS, Input, Kind
from ai_core.calculators.rulebook import RuleBook

Schema = dict[str, object]


class FormWords(Protocol):
    """The words a form shows."""

    def label(self, input_name: str) -> str:
        """Return the label of an input."""
        ...

    def choice(self, value: str | bool) -> str:
        """Return a choice as people read it."""
        ...


def input_schema(wanted: Calculator, book: RuleBook, idcc: str | None, words: FormWords) -> Schema:
    """Return the JSON Schema (draft 2020-12) of a calculator's inputs, enough to build a form.

    `x-labels` is what people read for the values of an `enum`, where it differs; `x-first` marks
    what most cases need. No input is required: what is missing is asked, since it depends on the
    others.
    """
    choices = choices_of(wanted, book, idcc)
    names = inputs_of(wanted, book, idcc)
    first = {*FIRST[wanted.name], *(set(names) & _OF_THE_JOB)}
    properties: dict[str, Schema] = {}
    for name in sorted(names, key=lambda one: one not in first):
        form_field = _property(INPUTS[name], choices.get(name, ()), words)
        properties[name] = {"title": words.label(name), **form_field}
        if name in first:
            properties[name]["x-first"] = True
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


_OF_THE_JOB = {"category", "group", "level", "step", "coefficient", "class"}
FIRST: Mapping[str, tuple[str, ...]] = {
    "resignation_notice": ("seniority_months",),
    "dismissal_notice": ("seniority_months", "gross_misconduct", "disabled_worker"),
    "retirement_notice": ("initiator", "seniority_months", "disabled_worker"),
    "job_search_hours": ("termination_type", "trial_end_initiator", "working_time"),
    "end_of_contract_bonus": ("contract", "fixed_term_type", "total_gross_pay"),
    "severance_pay": ("entry_date", "notice_date", "exit_date", "reference_salary", "absences"),
    "mutual_termination_pay": ("entry_date", "exit_date", "reference_salary", "absences"),
    "seniority": ("entry_date", "exit_date", "absences"),
    "reference_salary": ("salaries",),
    "paid_leave": ("worked_months", "sickness_months", "monthly_pay"),
    "overtime": ("overtime_hours", "hourly_pay"),
    "trial_period": ("contract", "entry_date", "renewed"),
    "deadlines": ("deadline", "start_date"),
}
"""What most cases need, by calculator; what else an agreement needs stands with the rest."""


def _property(wanted: Input, choices: tuple[str, ...], words: FormWords) -> Schema:
    kinds = [
        _kind(kind, wanted, choices, words) for kind in wanted.kinds if kind != "label" or choices
    ]
    if not kinds:
        kinds = [{"type": "string"}]
    return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}


def _kind(kind: Kind, wanted: Input, choices: tuple[str, ...], words: FormWords) -> Schema:
    if kind == "label":
        return _labelled(choices, words)
    if kind == "number":
        unit: Schema = {} if wanted.unit is None else {"x-unit": wanted.unit}
        return {"type": "number", "minimum": 0, **unit}
    if kind == "absences":
        return _absences(words)
    return _FIXED[kind]


def _labelled(values: tuple[str, ...], words: FormWords) -> Schema:
    told = {value: words.choice(value) for value in values}
    differ = {value: label for value, label in told.items() if label != value}
    return {"type": "string", "enum": list(values), **({"x-labels": differ} if differ else {})}


def _absences(words: FormWords) -> Schema:
    absence: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "reason": _labelled(ABSENCE_REASONS, words),
            "months": {"type": "number", "minimum": 0, "x-unit": "months"},
            "start": {"type": "string", "format": "date"},
        },
        "required": ["reason", "months"],
    }
    return {"type": "array", "items": absence}


_MONTH: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "month": {"type": "string", "pattern": r"^(\d{4}-)?(0?[1-9]|1[0-2])$"},
        "amount": {"type": "number", "minimum": 0, "x-unit": "euros"},
        "bonus": {"type": "number", "minimum": 0, "x-unit": "euros"},
    },
    "required": ["amount"],
}
_FIXED: Mapping[Kind, Schema] = {
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "salary": _MONTH,
    "salaries": {"type": "array", "items": _MONTH},
    "working_times": {
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "months": {"type": "number", "exclusiveMinimum": 0, "x-unit": "months"},
                "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            },
            "required": ["months", "share"],
        },
    },
}
