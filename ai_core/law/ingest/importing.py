"""Imports the publishers' files into one corpus file.

Reads the trees of legi-data and kali-data and the list of fiches-travail-data, selects what answers
need, and writes it through `store`. Nothing is filtered by state (`etat` is late and sometimes
wrong): every version keeps its dates, and readers choose by day. One exception: an agreement's
article announced for later (VIGUEUR_DIFF) carries no date at all, so it is skipped until a release
has it in force.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from ai_core.errors import CorpusRefused
from ai_core.law import store
from ai_core.law.ingest.layout import laid_out, table_markup, text_of_html
from ai_core.law.ingest.sources import (
    AGREEMENT_ID,
    AGREEMENTS_FILE,
    CODE_FILE,
    FICHES_FILE,
    Archive,
    Sources,
)
from ai_core.law.references import canonical
from ai_core.law.splitting import split, table_header

CODE_ID = CODE_FILE.removesuffix(".json")
_OPEN_END = date(2200, 1, 1)
"""Légifrance writes "no end known" as 2999-01-01, sometimes 2222-02-22."""

_GROUP_STATE = "VIGUEUR"
"""The state of "Textes Attachés" and "Textes Salaires", which are no texts themselves."""

_NOT_EXTENDED = "VIGUEUR_NON_ETEN"
"""In force, and binding only on employers of the organisations that signed."""

_AMENDMENTS = ("MODIFIE", "CREE")

_EPOCH = date(1970, 1, 1)

_BOILERPLATE = re.compile(
    r"""(?: services?\ en\ ligne | textes?\ de\ référence | à\ lire\b.* | lire\ (?:en|aussi)\b.*
    | (?:pour\ )?en\ savoir\ plus\b.* | pour\ aller\ plus\ loin\b.* | qui\ contacter\b.*
    | sources?\ réglementaires? | modèles?\ de\ documents? | articles?\ associés? | formulaires?
    | (?:documents?|dépliant)(?:\ à\ télécharger|\ utiles?)? | téléchargements?(?:\ .*)?
    | dernières\ actualités | ressources?(?:\ (?:utiles|documentaires)\b.*)? | glossaire\b.*
    | liens?\ utiles? | (?:les\ )?contacts?(?:\ utiles?)? | voir\ aussi
    | sur\ le\ même\ (?:sujet|thème) )[\s:.?!]*""",
    re.VERBOSE | re.IGNORECASE,
)
"""Titles of fiche sections that hold links and addresses, not rules."""

Node = Mapping[str, Any]
Report = Callable[[str], None]


@dataclass
class _Tally:
    articles: int = 0
    fiches: int = 0
    fiche_sections: int = 0
    agreements: int = 0
    agreement_articles: int = 0
    pieces: int = 0
    cids: set[str] = field(default_factory=set)

    def counts(self) -> store.Counts:
        return store.Counts(
            self.articles,
            self.fiches,
            self.fiche_sections,
            self.agreements,
            self.agreement_articles,
            self.pieces,
        )


def version_of(sources: Sources) -> str:
    """Name the corpus these sources make: the same content always has the same version."""
    hashes = (sources.code.sha256, sources.fiches.sha256, sources.agreements.sha256)
    return hashlib.sha256(" ".join((str(store.FORMAT), *hashes)).encode()).hexdigest()[:16]


def import_corpus(
    sources: Sources, directory: Path, *, now: datetime, report: Report = lambda line: None
) -> store.Counts:
    """Write the corpus these sources make into `directory`.

    Raises CorpusRefused when a file is damaged or not in the publisher's format.
    """
    writer = store.CorpusFileWriter(directory / store.FILE_NAME)
    try:
        counts = _write(sources, writer, now, report)
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise CorpusRefused(f"not in the publisher's format: {error!r}") from error
    finally:
        writer.close()
    return counts


def _write(
    sources: Sources, writer: store.CorpusFileWriter, now: datetime, report: Report
) -> store.Counts:
    tally = _Tally()
    report("Code du travail")
    law_date = _write_code(sources.code, writer, tally)
    report("fiches")
    _write_fiches(sources.fiches, writer, tally)
    report("agreements")
    _write_agreements(sources.agreements, writer, tally)
    counts = tally.counts()
    facts = {
        "version": version_of(sources),
        "law_date": law_date.isoformat(),
        "imported_at": now.isoformat(timespec="seconds"),
        "format": str(store.FORMAT),
    }
    facts |= {name: str(getattr(counts, name)) for name in store.Counts.__slots__}
    writer.add(store.INSERT_FACT, list(facts.items()))
    writer.commit()
    return counts


def _leaves(node: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[Node, tuple[str, ...]]]:
    """Walk a publisher's tree: each article with the titles above it, in document order."""
    for child in node.get("children") or ():
        if child["type"] == "article":
            yield child["data"], path
        else:
            title = " ".join((child["data"].get("title") or "").split())
            yield from _leaves(child, (*path, title) if title else path)


def _day(milliseconds: int) -> date:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _write_code(archive: Archive, writer: store.CorpusFileWriter, tally: _Tally) -> date:
    code = orjson.loads(archive.file(CODE_FILE))
    if code["data"]["id"] != CODE_ID:
        raise CorpusRefused(f"{CODE_FILE} is not the Code du travail")
    for article, path in _leaves(code):
        row = tally.articles
        text = laid_out(article["texte"], article["texteHtml"])
        number = " ".join(article["num"].split())
        if not (text and number):
            raise CorpusRefused(f"{article['id']} has no text or no number")
        until = _day(article["dateFin"])
        writer.add(
            store.INSERT_ARTICLE,
            [
                (
                    row,
                    article["id"],
                    article["cid"],
                    number,
                    canonical(number),
                    writer.section(path),
                    text,
                    table_markup(article["texteHtml"]),
                    laid_out(article.get("nota") or "", article.get("notaHtml") or "") or None,
                    _day(article["dateDebut"]).isoformat(),
                    until.isoformat() if until < _OPEN_END else None,
                )
            ],
        )
        _write_pieces(writer, tally, text, article=row)
        tally.cids.add(article["cid"])
        tally.articles += 1
    return date.fromisoformat(code["data"]["dateModif"])


def _write_pieces(
    writer: store.CorpusFileWriter,
    tally: _Tally,
    text: str,
    *,
    article: int | None = None,
    fiche_section: int | None = None,
) -> None:
    for start, stop in split(text):
        header = table_header(text, start)
        writer.add(
            store.INSERT_PIECE, [(tally.pieces, article, fiche_section, start, stop, header)]
        )
        tally.pieces += 1


def _write_fiches(archive: Archive, writer: store.CorpusFileWriter, tally: _Tally) -> None:
    for fiche in orjson.loads(archive.file(FICHES_FILE)):
        title = " ".join(fiche["title"].split())
        updated = datetime.strptime(fiche["date"], "%d/%m/%Y").replace(tzinfo=UTC).date()
        opening = {"title": title, "html": fiche["intro"], "references": {}, "anchor": ""}
        for place, section in enumerate((opening, *fiche["sections"])):
            section_title = " ".join(section["title"].split())
            text = text_of_html(section["html"])
            if not text or _BOILERPLATE.fullmatch(section_title):
                continue
            row = tally.fiche_sections
            cited = _cited(section["references"], tally.cids)
            anchor = section.get("anchor") or ""
            writer.add(
                store.INSERT_FICHE_SECTION,
                [
                    (
                        row,
                        f"{fiche['pubId']}-{place}",
                        title,
                        section_title,
                        text,
                        f"{fiche['url']}#{anchor}" if anchor else fiche["url"],
                        updated.isoformat(),
                        json.dumps(cited),
                    )
                ],
            )
            writer.add(store.INSERT_FICHE_CITATION, [(cid, row) for cid in cited])
            _write_pieces(writer, tally, text, fiche_section=row)
            tally.fiche_sections += 1
        tally.fiches += 1


def _cited(references: Node, known: set[str]) -> list[str]:
    """Return the distinct cids of our code that a fiche section cites, in its order.

    A reference's own id is often an old version's; its cid does not change.
    """
    entries = (references.get(CODE_ID) or {}).get("articles") or ()
    cids = dict.fromkeys(entry.get("cid") for entry in entries)
    return [cid for cid in cids if cid in known]


def _write_agreements(archive: Archive, writer: store.CorpusFileWriter, tally: _Tally) -> None:
    listed = {entry["id"]: entry for entry in orjson.loads(archive.file(AGREEMENTS_FILE))}
    for agreement_id in listed:
        if not AGREEMENT_ID.fullmatch(agreement_id):
            raise CorpusRefused(f"{agreement_id!r} is not an agreement's id")
    for name, content in archive.files(*(f"{agreement_id}.json" for agreement_id in listed)):
        entry = listed[name.removesuffix(".json")]
        idcc = f"{int(entry['num']):04}"
        writer.add(
            store.INSERT_AGREEMENT,
            [
                (
                    idcc,
                    entry["id"],
                    " ".join(entry["title"].split()),
                    " ".join(entry["shortTitle"].split()),
                    f"https://www.legifrance.gouv.fr/conv_coll/id/{entry['id']}",
                )
            ],
        )
        _write_agreement_articles(orjson.loads(content), idcc, writer, tally)
        tally.agreements += 1


def _write_agreement_articles(
    tree: Node, idcc: str, writer: store.CorpusFileWriter, tally: _Tally
) -> None:
    rows: list[tuple[int, str, str, str, str, int, str, str | None, bool]] = []
    for article, path, extended in _clauses(tree):
        text = text_of_html(article["content"])
        if not text or article["etat"] == "VIGUEUR_DIFF":
            continue
        heading = " ".join((article.get("surtitre") or "").split())
        section = writer.section((*path, heading) if heading else path)
        number = " ".join((article.get("num") or "").split())
        row = tally.agreement_articles + len(rows)
        since = _amended(article)
        cid = article["cid"]
        rows.append((row, idcc, article["id"], cid, number, section, text, since, extended))
    writer.add(store.INSERT_AGREEMENT_ARTICLE, rows)
    tally.agreement_articles += len(rows)


def _clauses(tree: Node) -> Iterator[tuple[Node, tuple[str, ...], bool]]:
    """Walk an agreement: each clause, the titles above it, and whether its text is extended.

    The state of a text stands on the base text, or on each side agreement one level below.
    """
    for part in tree.get("children") or ():
        texts = part.get("children") or ()
        base = part["data"]["etat"] != _GROUP_STATE
        for text in [part] if base else texts:
            above = {"children": [text]} if base else {"children": [{**part, "children": [text]}]}
            extended = text["data"]["etat"] != _NOT_EXTENDED
            for clause, path in _leaves(above):
                yield clause, path, extended


def _amended(clause: Node) -> str | None:
    """Return the day since which a clause reads as it does, where an amendment made it so."""
    days = [
        link["dateDebutCible"]
        for link in clause.get("lstLienModification") or ()
        if link["linkOrientation"] == "cible" and link["linkType"] in _AMENDMENTS
    ]
    return max((day for day in days if day and day < _OPEN_END.isoformat()), default=None)
