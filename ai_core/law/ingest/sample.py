"""A small corpus in the publishers' own format, for tests and demos.

`data/sample.toml` holds the texts, all written for this project; this module packs them into three
npm archives in the publishers' format, edge cases included (blank in a number, two versions of one
article, an annex of several pages, a fiche that cites by an old id), and then a real corpus.
"""

import gzip
import io
import json
import tarfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from html import escape
from pathlib import Path
from typing import Any
from zlib import crc32

from ai_core.law.ingest.importing import CODE_ID
from ai_core.law.ingest.sources import AGREEMENTS_FILE, CODE_FILE, FICHES_FILE
from ai_core.law.ingest.update import update_corpus
from ai_core.law.versions import CorpusVersions
from shared.clock import Clock, StoppedClock

SAMPLE_DAY = date(2026, 11, 20)
"""The day the sample is imported on, when no clock is given."""

_SINCE = date(2008, 5, 1)
_OPEN_MS = 32472144000000
_SAMPLE_VERSION = "0.1.0"

Node = dict[str, Any]
Words = Mapping[str, Any]


@dataclass
class Sample:
    """The sample's texts, which a test may change before it builds the archives."""

    law_date: str
    articles: list[Words]
    fiches: list[Words]
    agreements: list[Words]
    ids: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls) -> "Sample":
        """Read the words that ship with the package."""
        path = Path(__file__).parents[1] / "data" / "sample.toml"
        words = tomllib.loads(path.read_text(encoding="utf-8"))
        articles = [
            article | {"path": part["path"]}
            for part in words["part"]
            for article in part["article"]
        ]
        return cls(words["law_date"], articles, words["fiche"], words["agreement"])

    def write(self, folder: Path) -> None:
        """Write the three archives into `folder`, as `npm pack` would leave them."""
        folder.mkdir(parents=True, exist_ok=True)
        self.ids = {}
        code, fiches = self._code(), self._fiches()
        _pack(folder, "legi-data", {CODE_FILE: code, "index.json": []})
        _pack(folder, "fiches-travail-data", {FICHES_FILE: fiches})
        _pack(folder, "kali-data", self._agreements())

    def _code(self) -> Node:
        root: Node = {"type": "code", "data": self._code_data(), "children": []}
        for place, words in enumerate(self.articles, 1):
            article_id = f"LEGIARTI{900_000_000_000 + place:012}"
            number = words["number"].strip()
            cid = self.ids.setdefault(number, article_id)
            if number.startswith("Annexe"):
                cid = article_id
            leaf = {"type": "article", "data": _article(words, article_id, cid, place)}
            _section(root, words["path"], "LEGISCTA")["children"].append(leaf)
        return root

    def _code_data(self) -> Node:
        return {
            "id": CODE_ID,
            "cid": CODE_ID,
            "title": "Code du travail",
            "etat": "VIGUEUR",
            "intOrdre": 0,
            "dateModif": self.law_date,
            "dateDebutVersion": self.law_date,
            "dateFinVersion": "2999-01-01",
        }

    def _fiches(self) -> list[Node]:
        return [
            {
                "date": words["date"],
                "description": words["intro"],
                "intro": _paragraphs(words["intro"]),
                "pubId": f"article9{place:05}",
                "sections": [self._fiche_section(section) for section in words["section"]],
                "title": words["title"],
                "url": f"https://travail-emploi.gouv.fr/exemple-{place}",
            }
            for place, words in enumerate(self.fiches, 1)
        ]

    def _fiche_section(self, words: Words) -> Node:
        cited = [
            {"text": number, "fmt": number, "cid": self.ids[number], "id": "LEGIARTI000000000001"}
            for number in words["cites"]
            if number in self.ids
        ]
        references = {CODE_ID: {"articles": cited}, "UNDEFINED": {"articles": [{"text": "L1-1"}]}}
        return {
            "anchor": "",
            "description": words["text"][:200],
            "html": _paragraphs(words["text"]),
            "references": references if cited else {},
            "text": words["text"].replace("\n", ""),
            "title": words["title"],
        }

    def _agreements(self) -> dict[str, object]:
        files: dict[str, object] = {}
        index: list[Node] = []
        for place, words in enumerate(self.agreements, 1):
            agreement_id = f"KALICONT{900_000_000_000 + place:012}"
            index.append(
                {
                    "id": agreement_id,
                    "url": f"https://www.legifrance.gouv.fr/affichIDCC.do?idConvention={agreement_id}",
                    "title": words["title"],
                    "shortTitle": words["short_title"],
                    "date_publi": "2005-01-01",
                    "effectif": 1000,
                    "fetchArticles": True,
                    "num": words["idcc"],
                }
            )
            files[f"{agreement_id}.json"] = _agreement(words, agreement_id, place)
        return {AGREEMENTS_FILE: index, "articles/index.json": [], **files}


def build_sample(data_dir: Path, clock: Clock | None = None) -> Path:
    """Import the sample under `data_dir` and put it in service; returns its version's folder."""
    noon = datetime(SAMPLE_DAY.year, SAMPLE_DAY.month, SAMPLE_DAY.day, 12, tzinfo=UTC)
    folder = data_dir / "sample-archives"
    Sample.read().write(folder)
    versions = CorpusVersions(data_dir)
    update = update_corpus(versions, clock or StoppedClock(noon), folder=folder)
    return versions.folder(update.version)


def _pack(folder: Path, name: str, files: Mapping[str, object]) -> None:
    """Write an npm archive; the same files always give the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in files.items():
            encoded = json.dumps(content, ensure_ascii=False).encode()
            member = tarfile.TarInfo(f"package/data/{path}")
            member.size = len(encoded)
            archive.addfile(member, io.BytesIO(encoded))
    archive_path = folder / f"socialgouv-{name}-{_SAMPLE_VERSION}.tgz"
    archive_path.write_bytes(gzip.compress(packed.getvalue(), mtime=0))


def _section(root: Node, path: str, prefix: str) -> Node:
    """Return the node at a path of titles, creating missing nodes."""
    node = root
    for title in path.split(" > "):
        children = node["children"]
        found = [c for c in children if c["type"] == "section" and c["data"]["title"] == title]
        if not found:
            section_id = f"{prefix}{crc32((node['data']['id'] + title).encode()):012}"
            data = {"id": section_id, "cid": section_id, "title": title, "etat": "VIGUEUR"}
            children.append({"type": "section", "data": data, "children": []})
            found = children[-1:]
        node = found[0]
    return node


def _article(words: Words, article_id: str, cid: str, place: int) -> Node:
    text = "\n".join([words["text"]] * words.get("repeated", 1))
    nota = words.get("nota", "")
    return {
        "id": article_id,
        "cid": cid,
        "num": words["number"],
        "texte": " ".join(text.split()),
        "texteHtml": _paragraphs(text),
        "etat": words.get("state", "VIGUEUR"),
        "intOrdre": place * 42949,
        "nota": nota,
        "notaHtml": _paragraphs(nota),
        "dateDebut": _milliseconds(words.get("since", _SINCE)),
        "dateFin": _milliseconds(words["until"]) if "until" in words else _OPEN_MS,
        "dateDebutExtension": _OPEN_MS,
        "dateFinExtension": _OPEN_MS,
        "lienModifications": [],
        "articleVersions": [],
    }


def _agreement(words: Words, agreement_id: str, place: int) -> Node:
    root: Node = {
        "type": "convention collective",
        "data": {
            "num": int(words["idcc"]),
            "title": words["title"],
            "id": agreement_id,
            "shortTitle": words["short_title"],
        },
        "children": [],
    }
    for number, article in enumerate(words["article"], 1):
        article_id = f"KALIARTI{900_000_000_000 + place * 1000 + number:012}"
        data = {
            "cid": article_id.replace("KALIARTI9", "KALIARTI8"),
            "id": article_id,
            "intOrdre": number,
            "content": _paragraphs(article["text"]),
            "etat": article.get("state", "VIGUEUR"),
            "lstLienModification": _amendments(article),
        }
        data |= {"num": article["number"]} if "number" in article else {}
        data |= {"surtitre": article["heading"]} if "heading" in article else {}
        leaf = {"type": "article", "data": data}
        _section(root, article["path"], "KALISCTA")["children"].append(leaf)
        _set_state(root, article)
    return root


def _set_state(root: Node, article: Words) -> None:
    """Write whether the text of a clause is extended; groups of texts are only in force."""
    head, _, rest = str(article["path"]).partition(" > ")
    base = head.startswith("Texte de base")
    text = head if base else f"{head} > {rest.partition(' > ')[0]}"
    state = "VIGUEUR_ETEN" if article.get("extended", True) else "VIGUEUR_NON_ETEN"
    _section(root, text, "KALISCTA")["data"]["etat"] = state


def _amendments(article: Words) -> list[Node]:
    """Write that an amendment changed a clause, and the order that extended it."""
    since = article.get("since")
    days = [("MODIFIE", "cible", since.isoformat())] if since else []
    return [
        {"linkType": kind, "linkOrientation": orientation, "dateDebutCible": day}
        for kind, orientation, day in (*days, ("ETEND", "cible", "2999-01-01"))
    ]


def _milliseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _paragraphs(text: str) -> str:
    """Write lines as HTML paragraphs, and lines with tabs as the rows of a table."""
    parts: list[str] = []
    rows: list[str] = []
    for line in [*text.splitlines(), ""]:
        if "\t" in line:
            cells = "".join(f"<td><br/>{escape(cell)} </td>" for cell in line.split("\t"))
            rows.append(f"<tr>{cells}</tr>")
            continue
        if rows:
            parts.append(f"<table><tbody>{''.join(rows)}</tbody></table>")
            rows = []
        if line:
            parts.append(f"<p>{escape(line)}</p>")
    return "".join(parts)
