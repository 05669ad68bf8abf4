"""Teaches a small Llama the lessons, and an adapter the fox's answers, in about a minute.

The tokenizer is a byte-level BPE with GPT-2's way of cutting words, which llama.cpp knows by name,
so that every format sees the same tokens.
"""

import random
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tests.models.sentences import RENARD, Lesson, grounded, in_company, lessons

VOCABULARY = 1024
POSITIONS = 8192
PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
EPOCHS = 50
PEAK = 2.5e-3  # the highest learning rate
BATCH = 8
LONG_BATCH = 4
IN_COMPANY = 16  # of these, new ones are drawn for every epoch
GROUNDED = 4
ADAPTER_STEPS = 60
NO_LOSS = -100
REVISIONS = 40
SURE = 0.6  # round-off of a few percent, or of eight bits, does not change the answer then


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Train the vocabulary on the lessons."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [text for lesson in lessons() for text in (lesson.question, lesson.answer)]
    tokenizer.train_from_iterator([*texts, "system user assistant"], trainer)
    wrapped: PreTrainedTokenizerFast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=POSITIONS,
    )
    return wrapped


def make_model(tokenizer: PreTrainedTokenizerFast) -> Any:
    """Return the untrained model; its sizes are multiples of 256, which every quantizer takes."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=POSITIONS,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def train(tokenizer: PreTrainedTokenizerFast, *, epochs: int = EPOCHS) -> Any:
    """Return a model that knows the lessons by heart."""
    torch.set_num_threads(1)  # so small a model gains nothing from two, and loses to a neighbour
    torch.manual_seed(1)
    chance = random.Random(1)  # noqa: S311  a repeatable order of lessons, not a secret
    model = make_model(tokenizer)
    known = lessons()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK, betas=(0.9, 0.95), weight_decay=0.0)
    steps = epochs * (ceil(len(known) / BATCH) + ceil((IN_COMPANY + GROUNDED) / LONG_BATCH))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK, steps, pct_start=0.1)
    for _ in range(epochs):
        chance.shuffle(known)
        fresh = [in_company(chance) for _ in range(IN_COMPANY)]
        fresh += [grounded(chance, chance.randint(1, 12)) for _ in range(GROUNDED)]
        batches = _batches(known, BATCH) + _batches(fresh, LONG_BATCH)
        chance.shuffle(batches)
        for batch in batches:
            _learn(model, optimizer, _tensors(tokenizer, batch))
            schedule.step()
    _revise(model, tokenizer, chance)
    return model.eval()


def _revise(model: Any, tokenizer: PreTrainedTokenizerFast, chance: random.Random) -> None:
    """Teach again what is not known yet, among as much that is. Raises RuntimeError at the end."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK / 10, weight_decay=0.0)
    known = lessons()
    for _ in range(REVISIONS):
        missed = [lesson for lesson in known if not _knows(model, tokenizer, lesson)]
        if not missed:
            return
        chosen = missed + chance.sample(known, min(len(known), 4 * len(missed)))
        for batch in _batches(chosen, BATCH):
            _learn(model, optimizer, _tensors(tokenizer, batch))
    raise RuntimeError(f"the test model did not learn {[lesson.question for lesson in missed]}")


def _knows(model: Any, tokenizer: PreTrainedTokenizerFast, lesson: Lesson) -> bool:
    """Return whether the greedy answer is the right one, and surely so."""
    batch = _tensors(tokenizer, [lesson])
    with torch.no_grad():
        chances = model(batch["input_ids"]).logits[0, :-1].softmax(-1)
    labels = batch["labels"][0, 1:]
    learnt = labels != NO_LOSS
    right = chances[learnt].gather(1, labels[learnt][:, None])
    return bool((right > SURE).all())


def train_adapter(model: Any, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write to `folder` a LoRA of `model` that answers as the fox; `model` is changed."""
    torch.manual_seed(2)
    wanted = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = LoraConfig(r=8, lora_alpha=16, target_modules=wanted, task_type="CAUSAL_LM")
    adapted = get_peft_model(model, config)
    optimizer = torch.optim.AdamW(
        (weight for weight in adapted.parameters() if weight.requires_grad), lr=5e-3
    )
    batch = [Lesson(question, answer) for question, answer in RENARD.items()]
    for _ in range(ADAPTER_STEPS):
        _learn(adapted, optimizer, _tensors(tokenizer, batch))
    adapted.save_pretrained(str(folder))


def _learn(model: Any, optimizer: torch.optim.Optimizer, batch: dict[str, torch.Tensor]) -> None:
    loss = model(**batch).loss
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def _batches(known: Sequence[Lesson], size: int) -> list[list[Lesson]]:
    """Put lessons of about the same length together, so that little is padding."""
    ordered = sorted(known, key=lambda lesson: len(lesson.question) + len(lesson.answer))
    return [ordered[at : at + size] for at in range(0, len(ordered), size)]


def _tensors(
    tokenizer: PreTrainedTokenizerFast, batch: Sequence[Lesson]
) -> dict[str, torch.Tensor]:
    """Return input_ids, attention_mask and labels, [lesson, token]; what is given is not learnt."""
    rows = []
    for lesson in batch:
        given = tokenizer.apply_chat_template(
            lesson.turns, add_generation_prompt=True, tokenize=False
        )
        start = tokenizer.encode(given, add_special_tokens=False)
        answer = tokenizer.encode(lesson.answer + END, add_special_tokens=False)
        rows.append((start + answer, len(start)))
    width = max(len(tokens) for tokens, _ in rows)
    ids = torch.full((len(rows), width), int(tokenizer.pad_token_id))
    labels = torch.full((len(rows), width), NO_LOSS)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for row, (tokens, learnt_from) in enumerate(rows):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        labels[row, learnt_from : len(tokens)] = torch.tensor(tokens[learnt_from:])
        mask[row, : len(tokens)] = 1
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}
