"""Examples of the bodies of contract.py, for the OpenAPI document of ai_core."""

from typing import Any

Example = dict[str, Any]

QUOTE = (
    "La durée légale de travail effectif des salariés à temps complet est fixée à trente-cinq "
    "heures par semaine."
)
NUMBER = "L3121-27"
ARTICLE_ID = "LEGIARTI000033020376"
URL = f"https://www.legifrance.gouv.fr/codes/article_lc/{ARTICLE_ID}"
TITLE = "Durée légale et heures supplémentaires – Ordre public"
NOTICE = (
    "Cette réponse est donnée par une intelligence artificielle : c'est une information, pas un "
    "conseil juridique."
)
SOURCE: Example = {
    "kind": "article",
    "id": ARTICLE_ID,
    "number": NUMBER,
    "title": TITLE,
    "url": URL,
    "quote": QUOTE,
    "in_force_since": "2016-08-10",
    "updated": None,
    "status": "verified",
}
SUMMARY = f"{QUOTE} [1]"
SECTION: Example = {
    "kind": "sources",
    "title": "Ce que disent les textes",
    "text": f"Article {NUMBER} [1] — {TITLE}\n\n> {QUOTE}\n\n{URL}",
    "citations": [1],
}
GENERATE_REQUEST: Example = {"prompt": "Que dit l'article L3121-27 ?"}
FEEDBACK_REQUEST: Example = {
    "answer_id": "kVt3mJ0uQx2c9yRb",
    "verdict": "down",
    "reason": "unclear",
}
CHAT_REQUEST: Example = {
    "messages": [
        {"role": "user", "content": "Quelle est la durée du préavis en cas de démission ?"}
    ]
}
USAGE: Example = {
    "model": "extractive",
    "tokens_used": 55,
    "prompt_tokens": 12,
    "completion_tokens": 43,
    "finish_reason": "stop",
    "logprobs": None,
    "processing_time": 0.012,
    "timestamp": "2026-04-02T08:15:30Z",
    "abstained": None,
    "clarification": None,
    "calculation": None,
    "entries": [],
    "agreement": None,
    "summary": SUMMARY,
    "sections": [SECTION],
    "suggestions": [],
    "confidence": "high",
    "language": "fr",
    "profile": {},
    "corpus_date": "2026-03-27",
    "notice": NOTICE,
    "cached": False,
}
"""What a stream's `usage` event holds: a reply without its text and sources."""
GENERATE_REPLY: Example = {
    "response": (
        f"{SUMMARY}\n\n**{SECTION['title']}**\n\n{SECTION['text']}\n\n"
        f"Code du travail dans sa version publiée au 27 mars 2026. {NOTICE}"
    ),
    "citations": [SOURCE],
    **USAGE,
}
CHAT_REPLY: Example = GENERATE_REPLY | {"conversation_id": "kVt3mJ0uQx2c9yRb7Lw1Zg"}
SEARCH_REPLY: Example = {
    "passages": [
        {
            "kind": "article",
            "number": NUMBER,
            "title": TITLE,
            "text": QUOTE,
            "url": URL,
            "score": 14.2,
        }
    ]
}
ARTICLE_REPLY: Example = {
    "number": NUMBER,
    "id": ARTICLE_ID,
    "title": TITLE,
    "section_path": ["Partie législative", "Livre Ier : Durée du travail, repos et congés", TITLE],
    "text": QUOTE,
    "html": None,
    "nota": None,
    "in_force_since": "2016-08-10",
    "in_force_until": None,
    "url": URL,
    "cited_by_fiches": [
        {
            "title": "Durée du travail d'un salarié à temps plein",
            "url": "https://travail-emploi.gouv.fr/la-duree-legale-du-travail",
        }
    ],
}
MODEL_CARD: Example = {
    "id": "qwen3-4b",
    "format": "gguf",
    "state": "loaded",
    "default": True,
    "context_tokens": 8192,
    "size_bytes": 2497280256,
    "memory_bytes": 3271557120,
    "tokens_per_s": 11.4,
    "precision": "Q4_K_M",
    "agreement": None,
    "base": None,
    "licence": "Apache-2.0",
    "pinned": False,
    "error": None,
}
MODELS_REPLY: Example = {"models": [MODEL_CARD]}
HEALTH_REPLY: Example = {
    "status": "ok",
    "corpus": {
        "law_date": "2026-03-27",
        "age_days": 6,
        "articles": 11214,
        "fiches": 310,
        "agreements": 52,
        "semantic": True,
        "update_failing": False,
    },
    "entries": {"in_use": 448, "withheld": [], "broken_files": 0, "matched": True},
    "redis": "up",
    "models": ["qwen3-4b", "extractive"],
    "queue": [{"model": "qwen3-4b", "waiting": 1, "running": 2, "wait_s": 3.5}],
}
RATIO: Example = {
    "id": "LEGIARTI000035644692",
    "title": "Article R1234-2 du Code du travail",
    "url": "https://www.legifrance.gouv.fr/codes/article_lc/LEGIARTI000035644692",
    "fragment": "Un quart de mois de salaire par année d'ancienneté",
    "idcc": None,
}
SEVERANCE: Example = {
    "value": 4025,
    "unit": "€",
    "unit_qualifier": None,
    "text": "4 025 €",
    "not_due": None,
    "steps": [
        {
            "text": "1/4 × 2 300 € × 7 ans = 4 025 €",
            "value": 4025,
            "unit": "€",
            "article": RATIO["id"],
        }
    ],
    "articles": [RATIO],
}
CALCULATION_REQUEST: Example = {
    "inputs": {"seniority_years": 7, "right_seniority_years": 7, "reference_salary": 2300}
}
CALCULATION_REPLY: Example = {
    **SEVERANCE,
    "calculator": "severance_pay",
    "title": "Indemnité de licenciement",
    "idcc": None,
    "as_of": "2026-04-02",
    "source": "legal",
    "same_as_legal": False,
    "is_minimum": False,
    "comparison": "legal_only",
    "comparison_text": "",
    "legal": SEVERANCE,
    "agreement": None,
    "terms": None,
    "conditions": None,
    "warnings": [],
    "assumptions": [],
    "missing": [],
    "notice": (
        "Ce calcul applique les textes en vigueur aux données fournies ; il ne remplace pas "
        "l'examen du dossier."
    ),
}
CALCULATOR_REPLY: Example = {
    "name": "severance_pay",
    "title": "Indemnité de licenciement",
    "idcc": "1486",
    "held": True,
    "inputs": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "category": {
                "title": "Catégorie professionnelle",
                "type": "string",
                "enum": ["ETAM", "Ingénieurs et cadres"],
            },
            "entry_date": {
                "title": "Date d'entrée dans l'entreprise",
                "type": "string",
                "format": "date",
            },
        },
    },
}
CALCULATORS_REPLY: Example = {
    "calculators": [
        {
            "name": "severance_pay",
            "title": "Indemnité de licenciement",
            "agreements": ["1486", "1979"],
        }
    ],
    "agreements": [
        {"idcc": "1486", "name": "Bureaux d'études techniques"},
        {"idcc": "1979", "name": "Hôtels, cafés, restaurants"},
    ],
}
ENTRY_SUMMARY: Example = {
    "topic_id": "resignation-how",
    "category": "termination",
    "question": "Comment démissionner ?",
    "languages": ["fr", "en", "th", "zh"],
}
ENTRIES_REPLY: Example = {"entries": [ENTRY_SUMMARY], "withheld": []}
ENTRY_REPLY: Example = {
    **ENTRY_SUMMARY,
    "tags": ["démission", "préavis"],
    "language": "fr",
    "answer": "Dites-le clairement à votre employeur, de préférence par écrit [L1234-2].",
    "conditions": [{"text": "Un préavis est souvent dû [L1234-2].", "concerns": {}}],
    "steps": [{"text": "Gardez une preuve de la date.", "concerns": {}}],
    "depends_on": ["agreement"],
    "calculator": "resignation_notice",
    "related": [],
    "sources": [
        {
            "key": "L1234-2",
            "kind": "article",
            "id": RATIO["id"],
            "title": "Démission",
            "url": RATIO["url"],
            "fragments": ["l'existence et la durée du préavis"],
            "in_force_since": "2008-05-01",
            "changed": False,
        }
    ],
    "checked_on": "2026-11-30",
    "checked_by": "code",
    "notice": "Cette réponse est donnée par une intelligence artificielle.",
}
AGREEMENTS_REPLY: Example = {
    "agreement": {
        "idcc": "1486",
        "title": "Bureaux d'études techniques",
        "held": True,
        "url": "https://www.legifrance.gouv.fr/conv_coll/id/KALICONT000005635173",
    },
    "near": [],
}
EXAMPLES: dict[str, Example] = {
    "AgreementsReply": AGREEMENTS_REPLY,
    "EntriesReply": ENTRIES_REPLY,
    "EntryReply": ENTRY_REPLY,
    "CalculationRequest": CALCULATION_REQUEST,
    "CalculationReply": CALCULATION_REPLY,
    "CalculatorReply": CALCULATOR_REPLY,
    "CalculatorsReply": CALCULATORS_REPLY,
    "GenerateRequest": GENERATE_REQUEST,
    "GenerateReply": GENERATE_REPLY,
    "ChatRequest": CHAT_REQUEST,
    "FeedbackRequest": FEEDBACK_REQUEST,
    "ChatReply": CHAT_REPLY,
    "SearchReply": SEARCH_REPLY,
    "ArticleReply": ARTICLE_REPLY,
    "SourceReply": {
        "kind": "article",
        "id": ARTICLE_REPLY["id"],
        "number": NUMBER,
        "title": TITLE,
        "text": QUOTE,
        "in_force_since": ARTICLE_REPLY["in_force_since"],
        "updated": None,
        "url": URL,
    },
    "ModelCardReply": MODEL_CARD,
    "ModelsReply": MODELS_REPLY,
    "ModelName": {"model": MODEL_CARD["id"]},
    "ProbeReply": {"status": "ready"},
    "HealthReply": HEALTH_REPLY,
}
"""An example of each body by the name of its model."""
