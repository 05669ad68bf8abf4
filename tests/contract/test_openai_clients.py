"""The clients people have, unchanged, against the real service on loopback."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai.types import EmbeddingCreateParams
from openai.types import completion_create_params as text_params
from openai.types.chat import completion_create_params
from pydantic import SecretStr

from ai_core.api.openai_schemas import (
    ChatCompletionRequest,
    CompletionRequest,
    EmbeddingRequest,
)
from ai_core.engines.scripted import ScriptedEngine
from tests.servers.loopback import served

QUESTION = "Quelle est la durée du préavis en cas de démission ?"


@pytest.fixture
async def url(running_app: Any) -> AsyncIterator[tuple[str, str]]:
    async with (
        running_app(ScriptedEngine("Deux mois, en général.")) as app,
        served(app.asgi) as address,
    ):
        yield f"{address}/v1", app.keys["inference"]


@pytest.fixture
async def client(url: tuple[str, str]) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=url[0], api_key=url[1], max_retries=0) as client:
        yield client


async def test_openai_lists_the_models(client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["cdt-assistant", "scripted"]
    assert (await client.models.retrieve("scripted")).id == "scripted"


async def test_openai_asks_the_assistant(client: openai.AsyncOpenAI) -> None:
    told = await client.chat.completions.create(
        model="cdt-assistant", messages=[{"role": "user", "content": QUESTION}]
    )

    assert (told.choices[0].message.content or "").startswith("Deux mois")
    assert told.usage
    assert told.usage.completion_tokens == 4


async def test_openai_streams_with_usage(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="scripted",
        messages=[{"role": "user", "content": "Bonjour"}],
        stream=True,
        stream_options={"include_usage": True},
        stop=["FIN"],
        seed=7,
        temperature=0,
    )
    chunks = [chunk async for chunk in stream]

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "Deux mois, en général."
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens == 4


async def test_openai_gathers_a_stream(client: openai.AsyncOpenAI) -> None:
    async with client.chat.completions.stream(
        model="scripted", messages=[{"role": "user", "content": "Bonjour"}], logprobs=True
    ) as stream:
        async for _event in stream:
            pass
        whole = await stream.get_final_completion()

    assert whole.choices[0].message.content == "Deux mois, en général."
    assert whole.choices[0].finish_reason == "stop"
    assert len((whole.choices[0].logprobs and whole.choices[0].logprobs.content) or ()) == 4


async def test_openai_sends_penalties_and_biases(running_app: Any) -> None:
    engine = ScriptedEngine("oui")
    async with (
        running_app(engine) as app,
        served(app.asgi) as address,
        openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=app.keys["inference"]) as client,
    ):
        await client.chat.completions.create(
            model="scripted",
            messages=[{"role": "user", "content": "Bonjour"}],
            presence_penalty=0.5,
            frequency_penalty=-0.5,
            logit_bias={"7": -100},
        )

    asked = engine.samplings[0]
    assert (asked.presence_penalty, asked.frequency_penalty) == (0.5, -0.5)
    assert asked.logit_bias == ((7, -100.0),)


async def test_texts_are_ordered_tokenized_and_written_again(url: tuple[str, str]) -> None:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {url[1]}"}) as http:

        async def post(path: str, body: dict[str, Any]) -> Any:
            return (await http.post(path, json=body)).json()

        documents = ["quatre mots en tout", {"text": "un deux"}, "x"]
        ranked = await post(
            f"{url[0]}/rerank",
            {
                "model": "scripted",
                "query": "un deux",
                "documents": documents,
                "top_n": 2,
                "return_documents": True,
            },
        )
        root = url[0].removesuffix("/v1")
        text = {"model": "scripted", "prompt": "un deux un"}
        told = await post(f"{root}/tokenize", text | {"return_token_strs": True})
        bare = await post(f"{root}/tokenize", text | {"add_special_tokens": False})
        messages = [{"role": "user", "content": "un trois"}]
        chat = await post(f"{root}/tokenize", {"model": "scripted", "messages": messages})
        again = await post(f"{root}/detokenize", {"model": "scripted", "tokens": told["tokens"]})
        neither = await post(f"{root}/tokenize", {"model": "scripted"})
        beyond = await post(f"{root}/detokenize", {"model": "scripted", "tokens": [1, 99]})

    assert [one["index"] for one in ranked["results"]] == [1, 0]
    assert ranked["results"][0]["relevance_score"] == 1.0
    assert ranked["results"][0]["document"] == {"text": "un deux"}
    assert ranked["scored_by"] == "model_embeddings"
    assert (told["tokens"], told["count"], told["max_model_len"]) == ([0, 1, 2, 1], 4, 8192)
    assert told["token_strs"] == ["<s>", "un", "deux", "un"]
    assert bare["tokens"] == [1, 2, 1]
    assert chat["tokens"] == [0, 1, 3]
    assert again == {"prompt": "<s> un deux un"}
    assert neither["error"]["param"] == "prompt"
    assert beyond["error"]["param"] == "tokens[1]"


async def test_openai_continues_a_text(client: openai.AsyncOpenAI) -> None:
    told = await client.completions.create(model="scripted", prompt="Le préavis est de ")

    assert told.choices[0].text == "Deux mois, en général."


async def test_openai_embeds_in_its_own_encoding(client: openai.AsyncOpenAI) -> None:
    told = await client.embeddings.create(model="scripted", input=["un deux"])

    assert told.data[0].embedding == [7.0, 2.0]


async def test_what_openai_got_can_be_sent_back(client: openai.AsyncOpenAI) -> None:
    question = {"role": "user", "content": [{"type": "text", "text": "Bonjour"}], "name": "u"}
    first = await client.chat.completions.create(
        model="scripted",
        messages=[question],  # type: ignore[list-item]
    )
    again = first.choices[0].message.model_dump()
    assert {"annotations", "refusal", "audio", "function_call", "tool_calls"} <= set(again)
    second = await client.chat.completions.create(
        model="scripted",
        messages=[question, again, {"role": "user", "content": "Et puis ?"}],  # type: ignore[list-item]
    )

    assert second.choices[0].message.content == "Deux mois, en général."


def test_every_field_of_openais_requests_is_served_unused_or_refused() -> None:
    chat = set(completion_create_params.CompletionCreateParamsBase.__annotations__)
    text = set(text_params.CompletionCreateParamsBase.__annotations__)
    vectors = set(EmbeddingCreateParams.__annotations__)

    assert chat - {*ChatCompletionRequest.model_fields} == set()
    assert text - {*CompletionRequest.model_fields} == set()
    assert vectors - {*EmbeddingRequest.model_fields} == set()


async def test_openai_sends_every_unused_field(client: openai.AsyncOpenAI) -> None:
    told = await client.chat.completions.create(
        model="scripted",
        messages=[{"role": "user", "content": "Bonjour"}],
        metadata={"a": "b"},
        moderation={"model": "omni-moderation-latest"},
        parallel_tool_calls=False,
        prediction={"type": "content", "content": "Deux"},
        prompt_cache_key="k",
        prompt_cache_options={},
        prompt_cache_retention="24h",
        reasoning_effort="high",
        safety_identifier="s",
        service_tier="flex",
        store=True,
        user="u",
        verbosity="low",
        max_completion_tokens=1_000_000,
        extra_body={"top_k": None, "stream": None},
    )

    assert told.choices[0].message.content == "Deux mois, en général."


async def test_openai_raises_its_own_errors(client: openai.AsyncOpenAI) -> None:
    user = [{"role": "user", "content": "Bonjour"}]
    with pytest.raises(openai.NotFoundError) as unknown:
        await client.chat.completions.create(model="gpt-9", messages=user)  # type: ignore[arg-type]
    with pytest.raises(openai.BadRequestError) as tools:
        await client.chat.completions.create(
            model="cdt-assistant",
            messages=user,  # type: ignore[arg-type]
            tools=[{"type": "function", "function": {"name": "f"}}],
        )
    with pytest.raises(openai.AuthenticationError):
        await client.with_options(api_key="cdt_live_nobody").models.list()

    assert unknown.value.code == "model_not_found"
    assert (tools.value.code, tools.value.param) == ("unsupported", "tools")


async def test_langchain_invokes_and_streams(url: tuple[str, str]) -> None:
    async with httpx.AsyncClient() as http:
        model = ChatOpenAI(
            base_url=url[0], api_key=SecretStr(url[1]), model="scripted", http_async_client=http
        )
        whole = await model.ainvoke("Bonjour")
        pieces = [piece async for piece in model.astream("Bonsoir")]

    assert whole.content == "Deux mois, en général."
    assert whole.usage_metadata
    assert whole.usage_metadata["output_tokens"] == 4
    assert "".join(str(piece.content) for piece in pieces) == "Deux mois, en général."


async def test_langchain_embeds(url: tuple[str, str]) -> None:
    async with httpx.AsyncClient() as http:
        embeddings = OpenAIEmbeddings(
            openai_api_base=url[0],
            openai_api_key=SecretStr(url[1]),
            model="scripted",
            check_embedding_ctx_length=False,
            http_async_client=http,
        )
        found = await embeddings.aembed_documents(["un deux"])

    assert found == [[7.0, 2.0]]
