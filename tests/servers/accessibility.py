"""Pages in a browser: how long they may take on a busy machine, what axe-core finds on them."""

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page, expect

PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)

SETTLED = """() => Promise.allSettled(document.getAnimations()
  .filter(one => one.effect.getComputedTiming().endTime !== Infinity)
  .map(one => one.finished))"""
"""Contrast is measured on what is drawn: a dialog that fades in has little of it."""

_AXE = Axe()


def axe_results(page: Page | Frame) -> AxeResults:
    """Return what axe finds of WCAG 2.2 AA, contrast included."""
    page.evaluate(SETTLED)
    return _AXE.run(page)
