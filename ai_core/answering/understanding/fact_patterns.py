"""How people name the facts of their case, in French and English, over folded text.

Each row is a field of `Profile`, the value it tells, and a pattern. A pattern says that the fact is
named; `owners.py` decides whose it is."""

import re
from typing import NamedTuple


class NamedFact(NamedTuple):
    """A value of a field, and how it is named."""

    field: str
    value: str | bool
    pattern: re.Pattern[str]


def _facts(field: str, names: dict[str | bool, str]) -> list[NamedFact]:
    return [
        NamedFact(field, value, re.compile(rf"\b(?:{pattern})\b"))
        for value, pattern in names.items()
    ]


NAMED_FACTS: tuple[NamedFact, ...] = (
    *_facts(
        "category",
        {
            "agent_de_maitrise": r"agents? de maitrise|supervisors?|contremaitres?|chef d'equipe",
            "etam": r"etam",
            "technicien": r"technicien(?:ne)?s?|technicians?",
            "ouvrier": r"ouvri(?:er|ere)s?|blue.collar|manual workers?",
            "apprenti": r"apprentie?s?|apprentices?",
            "employe": r"employee?s? (?!de|du|depuis|by|chez|dans|par)(?:de bureau|administratifs?)"
            r"|(?<=suis )employee?(?! (?:depuis|par|chez|dans))|(?<=statut )employee?"
            r"|(?<=categorie )employee?|(?:(?<=, )|^)employee?(?= ?[,.;!]|$)|non.cadres?|clerks?"
            r"|office workers?",
            "cadre": r"(?<!dans le )(?<!non )(?<!non-)(?<!hors )cadres?(?! (?:de\b|d'|legal|du\b))"
            r"|ingenieure?s?|executives?|exec",
        },
    ),
    *_facts(
        "contract",
        {
            "cdi": r"cdi|contrats?(?: de travail)? a duree indeterminee"
            r"|open.ended|permanent (?:contract|job)",
            "cdd": r"cdd|contrats?(?: de travail)? a duree determinee"
            r"|fixed.term|contrat saisonnier",
            "interim": r"interim(?:aires?)?|mission d'interim|temp(?:orary)? agency|agency worker",
            "apprentissage": r"contrat d'apprentissage|en apprentissage|en alternance"
            r"|apprenticeship|apprentie?s?|apprentices?",
            "professionnalisation": r"contrat de professionnalisation|contrat pro",
        },
    ),
    *_facts(
        "working_time",
        {
            "part_time": r"temps partiel|mi-temps|mi temps|part.time"
            r"|contrats? (?:de |a )?(?:[1-9]|[12]\d|3[0-4]) ?h(?:eures?)?"
            r"|(?:[1-9]|[12]\d|3[0-4]).hours? contract",
            "full_time": r"temps plein|temps complet|plein temps|full.time|3[59] ?h(?:eures)?",
            "forfait_jours": r"forfait(?:s)?(?:-| |en )*jours?|forfait annuel en jours",
        },
    ),
    *_facts(
        "events",
        {
            "demission": r"demission\w*|resign\w*|(?:i|to) quit|quitting",
            "licenciement": r"licenci\w*|vire[es]*|mis[es]* a la porte|foutue? dehors|fired"
            r"|dismiss\w*|laid off|made redundant|redundancy",
            "rupture_conventionnelle": r"ruptures? conventionnelles?|ruptures? co"
            r"|mutual termination",
            "arret_maladie": r"arrets? (?:de )?(?:maladie|travail)|en arret|sick leave|off sick"
            r"|signed off",
            "accident_du_travail": r"accidente?s? (?:du|de|au) travail|accidents? de trajet"
            r"|(?:work(?:place)?) accident|accident at work",
            "grossesse": r"enceintes?|grossesse|conge (?:de )?maternite|pregnan\w+|maternity leave",
            "inaptitude": r"inaptes?|inaptitude|unfit for work",
            "periode_d_essai": r"periode d'?essai|(?:en|a l'|mon) essai|trial period"
            r"|probation(?:ary)?(?: period)?",
            "retraite": r"(?:ma|en|la) retraite|retire|retiring|retirement",
        },
    ),
    *_facts(
        "role",
        {
            "employer": r"(?:mon|ma|mes|notre|nos|my|our) (?:\w+ )?(?:salariee?s?|employees?)"
            r"|(?:mon|ma|notre) (?:employee?|apprentie?|stagiaire|nounou)"
            r"|un(?:e)? de (?:mes|nos) (?:salaries|employes|salariees|employees)"
            r"|(?<=suis )(?:l'|un |une )?(?:employeur|gerante?|patronn?e?|dirigeante?|drh|rh)"
            r"|(?<=suis )chef(?:fe)? d'entreprise|(?<=am )(?:an |the )?employer"
            r"|j'embauche|(?:je (?:souhaite|veux|voudrais|vais|dois|peux)|puis-je) "
            r"(?:embaucher|recruter|licencier)"
            r"|(?<=j'ai )(?:une?|deux|trois|quatre|cinq|\d{1,4}) (?:salarie|employe|ouvrier)e?s?"
            r"|(?<=i have )(?:an?|two|three|\d{1,4}) employees?",
            "employee": r"(?<=suis )(?:un |une )?salariee?|(?:mon|ma|notre) (?:patronn?e?|employeur"
            r"|boss|chef|responsable|manager|superieur|boite|direction|directeur|directrice|drh)"
            r"|my (?:boss|employer|manager|company)",
        },
    ),
    *_facts(
        "sector",
        {
            "public": r"fonctionnaires?|fonction publique|agente? (?:public|territoriale?)"
            r"|secteur public|civil servant|public sector",
            "private": r"secteur prive|dans le prive|private sector",
        },
    ),
    *_facts(
        "minimum_wage",
        {True: r"(?:au|le|du) smic|smicarde?|(?:the |at )?minimum wage"},
    ),
)
