"""The calculators as forms."""

import pytest
from playwright.sync_api import (
    Browser,
    expect,
)

from tests.ai_core.web.scripted_page import (
    assert_accessible,
    visiting,
)

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow]


SYNTEC_SEVERANCE = "/calculs?calculateur=severance_pay&convention=1486"


def test_a_form_computes_the_code_and_the_agreement_side_by_side(
    browser: Browser, whole_service: str
) -> None:
    small = {"width": 320, "height": 640}
    with visiting(browser, whole_service, path=SYNTEC_SEVERANCE, viewport=small) as visitor:
        page = visitor.page
        page.get_by_label("Catégorie professionnelle").select_option("Ingénieurs et cadres")
        page.get_by_label("Date d'entrée dans l'entreprise").fill("2012-03-01")
        page.get_by_label("Date de notification de la rupture").fill("2026-09-30")
        page.get_by_label("Dernier jour du contrat").fill("2026-12-31")
        page.get_by_label("Salaire mensuel de référence").fill("4 000")
        page.get_by_role("button", name="Ajouter une absence").click()
        page.get_by_label("Motif").select_option("non_occupational_sickness")
        page.get_by_label("Durée en mois").fill("9")
        page.keyboard.press("Enter")

        result = page.locator("#result")
        expect(result.locator(".side")).to_have_count(2)
        code, agreement = result.locator(".side").all()
        expect(result.locator(".total")).to_have_text("19 444,44 €")
        expect(code.locator(".amount")).to_have_text("15 444,44 €")
        expect(agreement.locator(".amount")).to_have_text("19 444,44 €")
        expect(agreement).to_contain_text("1/3 × 4 000 € × 14,58 ans")
        agreement.get_by_text("Articles").click()
        link = agreement.get_by_role("link", name="Article 4.5").get_attribute("href") or ""
        assert link.startswith("https://www.legifrance.gouv.fr/conv_coll/id/KALIARTI")
        expect(result).to_contain_text("J'ai supposé")
        agreement.locator(".steps").get_by_role("button", name="Article 4.5").first.click()
        dialog = page.get_by_role("dialog", name="Article 4.5")
        expect(dialog.locator(".law")).to_contain_text("mois")
        expect(dialog).to_contain_text("IDCC 1486")
        page.keyboard.press("Escape")
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        assert_accessible(page)


def test_a_sum_in_an_answer_leads_to_its_form(browser: Browser, whole_service: str) -> None:
    with visiting(browser, whole_service) as visitor:
        page = visitor.page
        visitor.ask("Indemnité de licenciement, 7 ans, 2300 brut, combien ?")
        visitor.answered()
        expect(page.locator(".turn .prose").first).to_contain_text("4 025 € au moins")
        page.get_by_role("link", name="Changer une donnée dans le formulaire").click()
        page.wait_for_selector('html[data-form="severance_pay"]')
        expect(page.get_by_label("Que voulez-vous calculer ?")).to_have_value("severance_pay")
        expect(page.locator("#filled")).to_contain_text("Rempli d’après votre conversation")
        expect(page.get_by_label("Salaire mensuel de référence")).to_have_value("2300")
        expect(page.get_by_label("Ancienneté en années, pour le montant")).to_have_value("7")
        page.get_by_role("button", name="Calculer", exact=True).click()
        expect(page.locator("#result .total")).to_contain_text("4 025")
        assert_accessible(page)


def test_a_form_says_what_is_missing_and_what_is_wrong_at_its_field(
    browser: Browser, whole_service: str
) -> None:
    with visiting(browser, whole_service, path=SYNTEC_SEVERANCE) as visitor:
        page = visitor.page
        compute = page.get_by_role("button", name="Calculer", exact=True)
        compute.click()
        expect(page.locator("#result")).to_contain_text("Il manque une précision")
        expect(page.get_by_label("Date d'entrée dans l'entreprise")).to_be_focused()
        page.get_by_label("Date d'entrée dans l'entreprise").fill("2012-03-01")
        page.get_by_label("Dernier jour du contrat").fill("2026-12-31")
        compute.click()
        category = page.get_by_label("Catégorie professionnelle")
        expect(category).to_be_focused()
        category.select_option("ETAM")
        page.get_by_label("Salaire mensuel de référence").fill("beaucoup")
        compute.click()
        salary = page.get_by_label("Salaire mensuel de référence")
        expect(salary).to_be_focused()
        expect(salary).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_text("Un nombre est attendu")).to_be_visible()
        agreement = page.get_by_role("combobox", name="Convention collective")
        agreement.fill("1979")
        expect(page.locator(".picker").get_by_role("option")).to_have_count(1)
        page.keyboard.press("Enter")
        expect(page.locator('html[data-form="severance_pay 1979"]')).to_be_attached()
        expect(page.get_by_label("Salaire mensuel de référence")).to_have_value("beaucoup")
        assert_accessible(page)
