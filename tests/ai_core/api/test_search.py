"""Search and articles over HTTP."""

from typing import Any

import pytest

from ai_core.access.keys import Scope


async def get(house: Any, path: str, scope: Scope = Scope.INFERENCE) -> Any:
    return await house.client.get(path, headers=house.bearing(scope))


async def test_search_gives_passages_word_for_word_with_their_address(house: Any) -> None:
    reply = (await get(house, "/api/v1/search?q=préavis de démission&kind=article&limit=3")).json()

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
async def test_a_search_that_makes_no_sense_is_refused(house: Any, query: str) -> None:
    response = await get(house, f"/api/v1/search?{query}")

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


async def test_an_article_comes_whole_with_its_path_and_the_fiches_that_cite_it(
    house: Any,
) -> None:
    article = (await get(house, "/api/v1/articles/l. 1237-1")).json()

    assert article["number"] == "L1237-1"
    assert article["title"] == "Démission"
    assert article["section_path"][0] == "Partie législative"
    assert article["cited_by_fiches"][0]["title"] == "La démission"


async def test_an_article_is_given_as_it_was_on_another_day(house: Any) -> None:
    before = (await get(house, "/api/v1/articles/L6326-2?as_of=2026-05-31")).json()
    after = (await get(house, "/api/v1/articles/L6326-2?as_of=2026-06-01")).json()

    assert (before["in_force_until"], after["in_force_since"]) == ("2026-06-01", "2026-06-01")


async def test_an_unknown_article_is_a_404_in_the_readers_language(house: Any) -> None:
    headers = {**house.bearing(), "Accept-Language": "en"}

    response = await house.client.get("/api/v1/articles/L9999-1", headers=headers)

    assert response.status_code == 404
    assert response.json()["detail"] == (
        "No article in force on that day bears the number “L9999-1”."
    )
