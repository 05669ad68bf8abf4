"""Subjects and names in our mail."""

import pytest

from mail_service.reply.formatting import clean_subject, greeted_name, plain_name


@pytest.mark.parametrize(
    ("subject", "cleaned"),
    [
        ("Re: RE : TR: Préavis", "Préavis"),
        ("Réponse de mon patron", "Réponse de mon patron"),
        ("Fwd: AW: x", "x"),
        ("Re[2]: x", "x"),
        ("Retard", "Retard"),
    ],
)
def test_a_subject_loses_its_prefixes(subject: str, cleaned: str) -> None:
    assert clean_subject(subject) == cleaned


@pytest.mark.parametrize(
    ("name", "greeted"),
    [
        ("Camille Durand", "Camille Durand"),
        ("Jean-Noël d'Arc", "Jean-Noël d'Arc"),
        ("https://evil.example", ""),
        ("x@y.example", ""),
        ("GAGNEZ 1000 €", ""),
        ("a" * 100, ""),
    ],
)
def test_only_what_looks_like_a_name_is_greeted(name: str, greeted: str) -> None:
    assert plain_name(name) == greeted
    assert greeted_name(name) == greeted


@pytest.mark.parametrize(
    ("name", "greeted"),
    [
        ("Mme Odile Carpentier", "Madame Carpentier"),
        ("M. Petit", "Monsieur Petit"),
        ("Madame de La Tour", "Madame de La Tour"),
        ("Sami B.", "Sami"),
        ("Marie-Ange P", "Marie-Ange"),
        ("dylan", "Dylan"),
        ("M", "M"),
        ("ياسِين", "ياسِين"),
        ("นิด", "นิด"),
    ],
)
def test_a_person_is_greeted_as_one_would_write(name: str, greeted: str) -> None:
    assert greeted_name(name) == greeted


@pytest.mark.parametrize(
    "name",
    [
        "Les salariés du magasin",
        "Ferme des Tilleuls",
        "Salon Mèche Folle",
        "Cabinet Roussel",
        "SARL Dupont",
        "HR Department",
        "Mairie de Vire",
    ],
)
def test_a_firm_is_not_greeted_by_its_name(name: str) -> None:
    assert plain_name(name) == name
    assert greeted_name(name) == ""
