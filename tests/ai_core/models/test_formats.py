"""The table of formats, and the lists elsewhere that must say the same."""

from typing import get_args

from ai_core.engines.formats import FORMATS, FileFormat
from ai_core.models.admin.selection import BITS
from ai_core.models.registry import CatalogueFormat, ModelFormat, Quantization
from deploy.local.extras import MODEL_EXTRAS
from shared.ai.contract import ModelCardReply

FOR_TESTS = {"scripted"}


def test_every_format_of_files_is_in_the_table_and_adapters_beside_it() -> None:
    assert {*FORMATS} - FOR_TESTS | {"lora"} == {*get_args(FileFormat)}


def test_a_catalogue_also_takes_models_on_other_servers() -> None:
    assert {*get_args(CatalogueFormat)} == {*get_args(FileFormat), "remote"}
    assert {*get_args(ModelFormat)} == {*get_args(CatalogueFormat), "built-in"}


def test_the_contract_names_every_format_a_model_can_have() -> None:
    named = get_args(ModelCardReply.model_fields["format"].annotation)
    assert {*named} == {*get_args(ModelFormat)}


def test_the_launcher_knows_the_extra_of_every_format() -> None:
    extras = {name: found.extra for name, found in FORMATS.items() if name not in FOR_TESTS}
    assert extras == MODEL_EXTRAS


def test_a_model_may_be_quantized_to_every_variant_in_the_table() -> None:
    made = {name for found in FORMATS.values() for name in (*found.variants, *found.on_request)}
    assert {*get_args(Quantization)} == {"auto", "none", *made}
    assert made <= set(BITS)
