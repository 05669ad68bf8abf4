from datetime import date

import pytest

from ai_core.law.corpus import Corpus
from ai_core.law.records import SourceKind

TODAY = date(2026, 11, 20)


def test_an_article_keeps_what_its_publisher_says_of_it(corpus: Corpus) -> None:
    (article,) = corpus.by_number("L1235-3", TODAY)
    assert article.section_path[0] == "Partie législative"
    assert article.in_force_since == date(2008, 5, 1)
    assert article.in_force_until is None
    assert article.url == f"https://www.legifrance.gouv.fr/codes/article_lc/{article.id}"
    assert article.nota
    assert article.html
    assert "1\t1\t2\n2\t3\t3,5" in article.text


def test_a_blank_before_a_number_is_not_part_of_it(corpus: Corpus) -> None:
    assert corpus.by_number("L1251-33-1", TODAY)[0].number == "L1251-33-1"


@pytest.mark.parametrize("spelling", ["R*3231-2", "R3231-2", "r. 3231-2", "R. *3231‑2"])
def test_a_number_is_found_however_it_is_spelled(corpus: Corpus, spelling: str) -> None:
    assert corpus.by_number(spelling, TODAY)[0].number == "R*3231-2"


def test_two_articles_of_one_number_are_both_kept(corpus: Corpus) -> None:
    assert len(corpus.by_number("Annexe I", TODAY)) == 2


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 5, 31), False), (date(2026, 6, 1), True), (TODAY, True)]
)
def test_the_version_in_force_depends_on_the_day_not_on_the_state(
    corpus: Corpus, day: date, hours: bool
) -> None:
    (article,) = corpus.by_number("L6326-2", day)
    assert ("quatre cents heures" in article.text) is hours
    assert corpus.by_cid(article.cid, day) == (article,)


def test_past_and_future_articles_are_kept_but_not_in_force(corpus: Corpus) -> None:
    assert corpus.by_number("R9901-1", TODAY) == corpus.by_number("R9902-1", TODAY) == ()
    assert corpus.by_number("R9901-1", date(2025, 1, 1))
    assert corpus.by_number("R9902-1", date(2033, 1, 1))


def test_every_version_is_walked_and_found_by_its_id(corpus: Corpus) -> None:
    articles = list(corpus.articles())
    assert len(articles) == corpus.counts.articles
    assert all(corpus.article(article.id) == article for article in articles)
    assert corpus.article("LEGIARTI000000000000") is None
    assert corpus.in_force(TODAY) == sum(article.in_force(TODAY) for article in articles)


def test_boilerplate_sections_of_fiches_are_left_out(corpus: Corpus) -> None:
    titles = {section.section_title for section in corpus.fiche_sections()}
    assert "Peut-on travailler plus de 35 heures ?" in titles
    assert not titles & {"Services en ligne", "Textes de référence"}


def test_a_fiche_says_its_own_date_and_the_articles_it_cites_by_cid(corpus: Corpus) -> None:
    (article,) = corpus.by_number("L1237-1", TODAY)
    (section,) = corpus.fiches_citing(article.cid)
    assert section.fiche_title == "La démission"
    assert section.updated == date(2026, 1, 7)
    assert section.url.startswith("https://travail-emploi.gouv.fr/")


def test_passages_cover_every_article_and_fiche_word_for_word(corpus: Corpus) -> None:
    passages = list(corpus.passages())
    assert len(passages) == corpus.counts.pieces
    texts = {a.id: a.text for a in corpus.articles()} | {
        s.id: s.text for s in corpus.fiche_sections()
    }
    assert {passage.id for passage in passages} == set(texts)
    for passage in passages:
        assert texts[passage.id][passage.start :].startswith(passage.text)


def test_a_long_annex_gives_several_passages(corpus: Corpus) -> None:
    annex = [p for p in corpus.passages() if p.number == "Annexe I à l'article R4312-1"]
    assert len(annex) > 1
    assert [p.start for p in annex] == sorted({p.start for p in annex})


def test_passages_come_back_in_the_order_asked_for(corpus: Corpus) -> None:
    every = list(corpus.passages())
    last = corpus.counts.pieces - 1
    assert corpus.passages_at([last, 0, 5]) == (every[last], every[0], every[5])
    with pytest.raises(KeyError):
        corpus.passages_at([last + 1])


def test_the_articles_of_an_agreement_bear_its_idcc_and_their_titles(corpus: Corpus) -> None:
    passages = corpus.agreement_passages("1979")
    assert [p.number for p in passages] == ["IDCC 1979 art. 1er", "IDCC 1979 art. 30", "IDCC 1979"]
    assert passages[1].kind is SourceKind.AGREEMENT
    assert passages[1].section_path[-1] == "Préavis"
    assert "Employé\t8 jours\t15 jours\t1 mois" in passages[1].text
    assert passages[1].url.startswith("https://www.legifrance.gouv.fr/conv_coll/id/KALIARTI")


def test_an_unknown_agreement_has_no_passages(corpus: Corpus) -> None:
    assert corpus.agreement("9999") is None
    assert corpus.agreement_passages("9999") == ()
    assert [agreement.idcc for agreement in corpus.agreements()] == ["1486", "1979"]


def test_a_clause_is_found_by_any_of_its_ids(corpus: Corpus) -> None:
    clause = corpus.agreement_passages("1486")[0]
    wording = corpus.wording(clause.id, TODAY)
    assert wording
    assert clause.text in wording.text
    first_version = clause.id.replace("KALIARTI9", "KALIARTI8")
    assert corpus.wording(first_version, TODAY) == wording
    assert corpus.wording("KALIARTI000000000000", TODAY) is None


def test_an_old_version_of_an_article_leads_to_the_one_in_force(corpus: Corpus) -> None:
    before, after = (corpus.by_number("L6326-2", day)[0] for day in (date(2026, 5, 31), TODAY))
    assert before.id != after.id
    for source_id in (before.id, after.id, after.cid):
        wording = corpus.wording(source_id, TODAY)
        assert wording
        assert (wording.id, wording.number, wording.text) == (after.id, "L6326-2", after.text)
    gone = corpus.by_number("R9901-1", date(2025, 1, 1))[0]
    assert corpus.wording(gone.id, TODAY) is None
