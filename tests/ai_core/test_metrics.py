"""What is counted of questions and answers."""

from typing import Any

from ai_core.access.keys import Scope


async def get(app: Any, path: str, scope: Scope = Scope.INFERENCE) -> Any:
    return await app.client.get(path, headers=app.key_header(scope))


async def measures(app: Any) -> str:
    return str((await get(app, "/metrics", Scope.ADMIN)).text)


async def test_questions_are_counted_by_channel_and_language_cached_ones_too(app: Any) -> None:
    french = {"messages": [{"role": "user", "content": "Quelle est la durée légale du travail ?"}]}
    english = {"messages": [{"role": "user", "content": "What does article L3121-27 say?"}]}
    told = {**app.key_header(), "X-Channel": "telegram"}
    line, whatsapp = ({**told, "X-Channel": name} for name in ("line", "whatsapp"))
    page = {**app.key_header(Scope.PUBLISHABLE), "Sec-Fetch-Site": "same-origin"}
    asked = ((french, told), (french, told), (english, app.key_header()), (french, line))
    for body, headers in (
        *asked,
        *((french, whatsapp), (french, page), (french, page | {"X-Channel": "widget"})),
        (french, page | {"X-Channel": "line"}),
    ):
        reply = await app.client.post("/api/v1/chat", json=body, headers=headers)
        assert reply.status_code == 200

    lines = await measures(app)

    assert 'questions_total{channel="telegram",language="fr",turn="first"} 2.0' in lines
    assert 'questions_total{channel="api",language="en",turn="first"} 1.0' in lines
    for name, count in {"line": 1, "whatsapp": 1, "page": 2, "widget": 1}.items():
        assert f'questions_total{{channel="{name}",language="fr",turn="first"}} {count}.0' in lines


async def test_a_channel_we_do_not_know_is_the_api_and_a_later_turn_no_new_conversation(
    app: Any,
) -> None:
    headers = {**app.key_header(), "X-Channel": "camille@example.org"}
    question = {"role": "user", "content": "Quelle est la durée du préavis de démission ?"}
    first = await app.client.post("/api/v1/chat", json={"messages": [question]}, headers=headers)
    again = {"messages": [question], "conversation_id": first.json()["conversation_id"]}
    await app.client.post("/api/v1/chat", json=again, headers=headers)

    lines = await measures(app)

    assert 'questions_total{channel="api",language="fr",turn="first"} 1.0' in lines
    assert 'questions_total{channel="api",language="fr",turn="later"} 1.0' in lines
    assert "camille" not in lines


async def test_the_topic_of_an_answer_is_the_book_of_the_code_it_begins_with(app: Any) -> None:
    await app.client.post(
        "/api/v1/generate",
        json={"prompt": "Que dit l'article L3121-27 ?"},
        headers=app.key_header(),
    )

    topic = "Durée du travail, salaire – Durée du travail"
    assert f'answer_topics_total{{topic="{topic}"}} 1.0' in await measures(app)
