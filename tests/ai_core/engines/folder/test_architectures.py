"""Other families of SafeTensors models compute in company what `generate` computes alone.

Their libraries take five seconds to import: a test imports them, not every process of a run.
"""

import random
from pathlib import Path
from typing import Any

import pytest

from ai_core.engines.base import Sampling
from ai_core.engines.runner import GenerationJob, LoadOptions, TokenizedPrompt
from ai_core.errors import ModelUnusable
from tests.ai_core.engines.runner_calls import open_safetensors, run_jobs

pytestmark = pytest.mark.slow

ROWS = 1_024
NEW = 20
SIZES: dict[str, Any] = {
    "vocab_size": ROWS,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 3,
    "max_position_embeddings": 512,
    "bos_token_id": None,
    "eos_token_id": None,
    "initializer_range": 0.3,
}
ATTENTION = {"num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "Qwen3": ("Qwen3Config", {"head_dim": 16}),
    "Mistral, which looks back 16 tokens": ("MistralConfig", {"sliding_window": 16}),
    "Gemma 3, whose layers differ": ("Gemma3TextConfig", {"sliding_window": 16, "head_dim": 16}),
}


def saved(config: str, sizes: dict[str, Any], folder: Path) -> Any:
    import torch
    import transformers

    from tests.models.shapes import write_tokenizer

    torch.manual_seed(1)
    settings = getattr(transformers, config)(**SIZES, **sizes)
    model = transformers.AutoModelForCausalLM.from_config(settings)  # type: ignore[no-untyped-call]
    write_tokenizer(folder, ROWS)
    model.save_pretrained(folder)
    return model.eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_computed_in_company_is_what_generate_computes_alone(
    family: str, tmp_path: Path
) -> None:
    import torch

    config, sizes = FAMILIES[family]
    model = saved(config, {**ATTENTION, **sizes}, tmp_path)
    runner = open_safetensors(str(tmp_path), LoadOptions(threads=1, slots=4))
    chance = random.Random(1)  # noqa: S311 - tokens to read
    prompts = [[chance.randrange(256) for _ in range(length)] for length in (40, 25, 60, 5)]
    sampling = Sampling(max_tokens=NEW, top_logprobs=0)
    jobs = [
        GenerationJob(at, TokenizedPrompt(prompt, 0), sampling) for at, prompt in enumerate(prompts)
    ]
    for one, prompt in zip(run_jobs(runner, jobs, steps_between=2), prompts, strict=True):
        ids = torch.tensor([prompt])
        alone = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=NEW,
            output_logits=True,
            return_dict_in_generate=True,
        )
        expected = [float(logits.log_softmax(-1).max()) for logits in alone.logits]
        assert [odds.logprob for odds in one.logprobs] == pytest.approx(expected, abs=1e-3)


def test_a_model_that_keeps_a_state_instead_of_columns_is_refused(tmp_path: Path) -> None:
    saved("MambaConfig", {}, tmp_path)
    with pytest.raises(ModelUnusable, match=r"MambaForCausalLM .* served as GGUF"):
        open_safetensors(str(tmp_path), LoadOptions(threads=1))
