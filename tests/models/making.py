"""Makes the test model: trained, converted to GGUF, exported to ONNX, with a LoRA of its own.

Everything heavy is imported here, so that only the program that makes the model loads torch; tests
read the result through `tests.models.bleuet`.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from tests.models import gguf_file, onnx_file
from tests.models.bleuet import Bleuet
from tests.models.sentences import ASKED, RENARD
from tests.models.training import make_tokenizer, train, train_adapter

LONGEST_ANSWER = 400


def make(folder: Path) -> Bleuet:
    """Fill `folder`; the answers beside the models are those of `model.generate`."""
    bleuet = Bleuet(folder)
    for made in (bleuet.safetensors, bleuet.onnx, bleuet.gguf.parent, bleuet.lora):
        made.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(bleuet.safetensors)
    model = train(tokenizer)
    model.save_pretrained(bleuet.safetensors)
    train_adapter(model, tokenizer, bleuet.lora)
    gguf_file.write_model(bleuet.safetensors, bleuet.gguf)
    gguf_file.write_model(bleuet.safetensors, bleuet.gguf_half, half=True)
    gguf_file.write_adapter(bleuet.safetensors, bleuet.lora, bleuet.lora_gguf)
    for path in bleuet.safetensors.iterdir():
        if path.suffix != ".safetensors":
            shutil.copy(path, bleuet.onnx)
    onnx_file.write_model(bleuet.safetensors, bleuet.onnx / "model.onnx")
    _write_answers(bleuet, tokenizer)
    return bleuet


def _write_answers(bleuet: Bleuet, tokenizer: PreTrainedTokenizerFast) -> None:
    plain: Any = AutoModelForCausalLM.from_pretrained(bleuet.safetensors, dtype=torch.float32)
    answers = {question: _answer(plain, tokenizer, question) for question in ASKED}
    adapted = PeftModel.from_pretrained(plain, str(bleuet.lora))
    foxes = {question: _answer(adapted, tokenizer, question) for question in RENARD}
    told = json.dumps({"plain": answers, "renard": foxes}, ensure_ascii=False, indent=1)
    bleuet.answers_file.write_text(told, encoding="utf-8")


def _answer(model: Any, tokenizer: PreTrainedTokenizerFast, question: str) -> str:
    turns = [{"role": "user", "content": question}]
    text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        written = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=LONGEST_ANSWER,
        )
    return str(tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True))
