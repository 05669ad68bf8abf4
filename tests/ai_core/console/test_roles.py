"""Who may do what at the desk: the matrix, whole, over HTTP."""

import pytest

from ai_core.api.console.routes import SCREENS
from ai_core.api.console.routing import Route
from ai_core.console.roles import MATRIX, Action, Role
from tests.ai_core.console.conftest import RunningDesk

pytestmark = pytest.mark.slow

ROUTES = [route for screens in SCREENS for route in screens.declared]


def address(route: Route) -> str:
    return route.path.replace("{id}", "4000000000000").replace("{name}", "nobody")


async def test_every_role_gets_exactly_the_routes_of_its_actions(desk: RunningDesk) -> None:
    wrong = []
    for role in Role:
        browser, _ = await desk.signed_in(role)
        for route in ROUTES:
            action = route.declared.action
            if action is None or route.path == "/console/logout":
                continue
            if route.method == "GET":
                answer = await browser.get(address(route))
            elif role in MATRIX[action]:
                # A wrong token: let in by the role, stopped before anything is changed.
                answer = await browser.post(address(route), {"csrf_token": "no"})
            else:
                answer = await browser.post(address(route))
            refused = 'data-code="role_not_allowed"' in answer.text
            if refused != (role not in MATRIX[action]):
                wrong.append((role, route.method, route.path, answer.status_code))
    assert not wrong


def test_every_route_of_an_open_session_declares_its_action() -> None:
    before = {route.path for route in ROUTES if route.declared.action is None}
    assert before == {
        f"/console/{name}"
        for name in ("login", "code", "enrol", "leave", "openid", "openid/callback")
    }


def test_every_action_has_its_roles_and_the_owner_has_all() -> None:
    assert set(MATRIX) == set(Action)
    assert all(Role.OWNER in roles for roles in MATRIX.values())


async def test_without_a_session_every_route_leads_to_the_sign_in(desk: RunningDesk) -> None:
    for route in ROUTES:
        if route.declared.action or route.declared.stage:
            browser = desk.browser()
            await browser.get("/console/login")
            answer = await (browser.get if route.method == "GET" else browser.post)(address(route))
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (
                303,
                "/console/login",
            )
