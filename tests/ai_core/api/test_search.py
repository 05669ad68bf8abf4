"""Search and articles over HTTP."""

from typing import Any

import pytest

from ai_core.access.keys import Scope


async def get(app: Any, path: str, scope: Scope = Scope.INFERENCE) -> Any:
    return await app.client.get(path, headers=app.key_header(scope))


async def test_search_gives_passages_word_for_word_with_their_address(app: Any) -> None:
    reply = (await get(app, "/api/v1/search?q=préavis de démission&kind=article&limit=3")).json()

    assert 1 <= len(reply["passages"]) <= 3
    assert {passage["kind"] for passage in reply["passages"]} == {"article"}
    assert reply["passages"][0]["url"].startswith("https://www.legifrance.gouv.fr/")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "q=",
        "q=%00",
        f"q={'a' * 2_001}",
        "q=a&limit=0",
        "q=a&limit=51",
        "q=a&kind=loi",
        "q=a&page=2",
    ],
)
async def test_a_search_that_makes_no_sense_is_refused(app: Any, query: str) -> None:
    response = await get(app, f"/api/v1/search?{query}")

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


async def test_an_article_comes_whole_with_its_path_and_the_fiches_that_cite_it(
    app: Any,
) -> None:
    article = (await get(app, "/api/v1/articles/l. 1237-1")).json()

    assert article["number"] == "L1237-1"
    assert article["title"] == "Démission"
    assert article["section_path"][0] == "Partie législative"
    assert article["cited_by_fiches"][0]["title"] == "La démission"


async def test_an_article_is_given_as_it_was_on_another_day(app: Any) -> None:
    before = (await get(app, "/api/v1/articles/L6326-2?as_of=2026-05-31")).json()
    after = (await get(app, "/api/v1/articles/L6326-2?as_of=2026-06-01")).json()

    assert (before["in_force_until"], after["in_force_since"]) == ("2026-06-01", "2026-06-01")


async def test_an_unknown_article_is_a_404_in_the_readers_language(app: Any) -> None:
    headers = {**app.key_header(), "Accept-Language": "en"}

    response = await app.client.get("/api/v1/articles/L9999-1", headers=headers)

    assert response.status_code == 404
    assert response.json()["detail"] == (
        "No article in force on that day bears the number “L9999-1”."
    )


async def test_a_source_of_an_answer_comes_whole_by_its_id(app: Any) -> None:
    number = (await get(app, "/api/v1/articles/L1237-1")).json()["id"]

    source = (await get(app, f"/api/v1/sources/{number}")).json()

    assert (source["kind"], source["id"]) == ("article", number)
    assert source["text"].startswith("En cas de démission")
    unknown = await get(app, "/api/v1/sources/nothing-of-ours")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_source")
    closed = await app.client.get(f"/api/v1/sources/{number}")
    assert closed.status_code == 401
