"""What the pages say to machines, in JSON-LD: https://schema.org/FAQPage, BreadcrumbList, ItemList.

An entry is a FAQPage with one question: Google takes QAPage for pages where users answer
(https://developers.google.com/search/docs/appearance/structured-data/qapage).
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from shared.languages import Language

CONTEXT = "https://schema.org"
Data = dict[str, Any]


def breadcrumbs(base: str, crumbs: Iterable[tuple[str, str]]) -> Data:
    """Return the pages above a page, and the page itself, by name and address."""
    items = [
        {"@type": "ListItem", "position": position, "name": name, "item": f"{base}{address}"}
        for position, (name, address) in enumerate(crumbs, start=1)
    ]
    return {"@context": CONTEXT, "@type": "BreadcrumbList", "itemListElement": items}


def question_page(
    question: str,
    answer: str,
    *,
    language: Language,
    url: str,
    reviewed: date,
    texts: Sequence[tuple[str, str]],
) -> Data:
    """Return a page that answers one question; `texts` are the sources, by name and address."""
    return {
        "@context": CONTEXT,
        "@type": "FAQPage",
        "url": url,
        "inLanguage": language,
        "lastReviewed": reviewed.isoformat(),
        "mainEntity": [
            {
                "@type": "Question",
                "name": question,
                "acceptedAnswer": {
                    "@type": "Answer",
                    "text": answer,
                    "citation": [
                        {"@type": "CreativeWork", "name": name, "url": address}
                        for name, address in texts
                    ],
                },
            }
        ],
    }


def question_list(name: str, language: Language, listed: Iterable[tuple[str, str]]) -> Data:
    """Return a page that lists questions, by their words and address."""
    items = [
        {"@type": "ListItem", "position": position, "name": question, "url": address}
        for position, (question, address) in enumerate(listed, start=1)
    ]
    return {
        "@context": CONTEXT,
        "@type": "CollectionPage",
        "name": name,
        "inLanguage": language,
        "mainEntity": {"@type": "ItemList", "itemListElement": items},
    }
