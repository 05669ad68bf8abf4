"""The test model in every format and its LoRAs, each in its process, asked as a client asks."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.bench._service import Model, Service, service
from tests.models.bleuet import Bleuet

QUESTION = "Bonjour !"
WHO = "Qui es-tu ?"
PLAIN = ("bleuet-gguf", "bleuet-safetensors", "bleuet-onnx")
ADAPTED = ("renard-gguf", "renard-safetensors")


@pytest.fixture(scope="module")
def running(small_model: Bleuet) -> Iterator[Service]:
    models = [
        Model("bleuet-gguf", "gguf", small_model.gguf),
        Model("bleuet-safetensors", "safetensors", small_model.safetensors),
        Model("bleuet-onnx", "onnx", small_model.onnx),
        Model("renard-gguf", "lora", small_model.lora_gguf, ('base = "bleuet-gguf"',)),
        Model("renard-safetensors", "lora", small_model.lora, ('base = "bleuet-safetensors"',)),
    ]
    with service(models) as served:
        yield served


async def ask(client: httpx2.AsyncClient, model: str, question: str) -> httpx2.Response:
    turns = [{"role": "user", "content": question}]
    request = {"model": model, "messages": turns, "max_tokens": 60}
    return await client.post("/v1/chat/completions", json=request)


async def answer(client: httpx2.AsyncClient, model: str, question: str) -> str:
    reply = await ask(client, model, question)
    assert reply.status_code == 200, reply.text
    assert reply.json()["model"] == model
    return str(reply.json()["choices"][0]["message"]["content"])


@pytest.mark.slow(11)
async def test_every_format_gives_the_same_answer_and_each_lora_its_own(
    running: Service, small_model: Bleuet
) -> None:
    async with running.client(timeout_s=120) as client:
        for model in PLAIN:
            assert await answer(client, model, QUESTION) == small_model.answers[QUESTION]
        for model in ADAPTED:
            assert await answer(client, model, WHO) == small_model.renard_answers[WHO]
        for model in PLAIN:
            assert await answer(client, model, WHO) == small_model.answers[WHO]


async def test_an_unknown_model_is_a_404_and_never_another_s_answer(running: Service) -> None:
    async with running.client() as client:
        assert (await ask(client, "nobody", WHO)).status_code == 404
