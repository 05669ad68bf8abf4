"""AiClient and ai_core agree: the one really asks the other, over loopback."""

import pytest

from shared.ai.client import AiClient
from shared.ai.contract import ChatRequest, GenerateRequest, Message
from shared.ai.stream import Citations, Delta, Usage
from shared.errors import NotFound
from tests.ai_core.conftest import RunningApp
from tests.servers.loopback import served


def question(text: str, **more: object) -> ChatRequest:
    messages = [Message(role="user", content=text)]
    return ChatRequest(messages=messages, **more)


async def test_an_answer_comes_whole(client: AiClient) -> None:
    reply = await client.chat(question("Quel est le préavis de démission ?"))
    assert reply.response
    assert reply.model == "extractive"


async def test_the_same_answer_streamed_has_the_same_words_sources_and_end(
    client: AiClient,
) -> None:
    asked = question("Quel est le préavis de démission ?")
    whole = await client.chat(asked)
    pieces = [piece async for piece in client.stream(asked)]
    text = "".join(piece.text for piece in pieces if isinstance(piece, Delta))
    [sources] = [piece.items for piece in pieces if isinstance(piece, Citations)]
    usage = pieces[-1]
    assert text == whole.response
    assert list(sources) == whole.citations
    assert isinstance(usage, Usage)
    assert usage.model == whole.model
    assert usage.corpus_date == whole.corpus_date


async def test_a_conversation_continues_and_can_be_erased(client: AiClient) -> None:
    first = await client.chat(question("Quel est le préavis de démission ?"))
    second = await client.chat(question("Et ensuite ?", conversation_id=first.conversation_id))
    assert first.conversation_id
    assert second.conversation_id == first.conversation_id
    assert await client.erase_conversation(first.conversation_id)
    assert not await client.erase_conversation(first.conversation_id)


async def test_models_health_search_and_generate_speak_the_contract(client: AiClient) -> None:
    assert [card.id for card in (await client.models()).models] == ["extractive"]
    assert (await client.health()).status == "ok"
    passages = (await client.search("préavis", limit=2)).passages
    assert len(passages) <= 2
    assert (await client.generate(GenerateRequest(prompt="Quel préavis ?"))).response


async def test_an_unknown_article_and_an_unknown_model_are_not_found(client: AiClient) -> None:
    with pytest.raises(NotFound) as article:
        await client.article("L9999-99")
    assert str(article.value) == "unknown_article"
    with pytest.raises(NotFound) as model:
        await client.chat(question("Quel préavis ?", model="aucun"))
    assert str(model.value) == "unknown_model"


async def test_a_wrong_key_is_not_authenticated(app: RunningApp) -> None:
    async with served(app.asgi) as url, AiClient(url, "wrong") as client:
        with pytest.raises(Exception, match="not_authenticated"):
            await client.models()
