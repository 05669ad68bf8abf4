"""Which collective agreement a number or a name means, over HTTP."""

from typing import Any

import pytest

from ai_core.law.agreement_names import known_agreements


async def meant(app: Any, written: str) -> Any:
    headers = app.key_header()
    reply = await app.client.get("/api/v1/agreements", params={"q": written}, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.parametrize("written", ["1486", "IDCC 1486", "syntec", "sintec", "Syntec"])
async def test_a_number_or_a_name_means_one_agreement(app: Any, written: str) -> None:
    reply = await meant(app, written)
    assert reply["agreement"]["idcc"] == "1486"
    assert reply["agreement"]["title"]
    assert reply["near"] == []


async def test_a_name_of_several_gives_them_and_an_unknown_one_those_near(app: Any) -> None:
    several = await meant(app, "bâtiment")
    assert several["agreement"] is None
    assert {"1596", "1597"} <= {one["idcc"] for one in several["near"]}
    unknown = next(n for n in ("1487", "1485", "1488") if n not in known_agreements())
    wrong_digit = await meant(app, unknown)
    assert wrong_digit["agreement"] is None
    assert "1486" in [one["idcc"] for one in wrong_digit["near"]]
    nothing = await meant(app, "xyzzy")
    assert nothing == {"agreement": None, "near": []}


async def test_an_agreement_whose_text_is_not_here_is_known_by_name(app: Any) -> None:
    reply = await meant(app, "boulangerie")
    assert reply["agreement"]["held"] is False


@pytest.mark.parametrize(("begun", "idcc"), [("coiff", "2596"), ("pharm", "1996")])
async def test_a_word_that_is_only_begun_gives_those_it_may_become(
    app: Any, begun: str, idcc: str
) -> None:
    reply = await meant(app, begun)
    found = [one for one in (reply["agreement"], *reply["near"]) if one]
    assert idcc in [one["idcc"] for one in found]
    assert (await meant(app, begun[:1]))["near"] == []
