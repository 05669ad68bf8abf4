"""The process of the clients: `python -m tests.load.clients PLAN.json`.

Locust's users run here and nowhere else. It writes one line of JSON for each second (`Second`).
"""

import logging
import sys
from pathlib import Path
from time import monotonic, process_time

import gevent
from locust import LoadTestShape, User, constant_throughput
from locust.env import Environment

from tests.load.plan import Plan
from tests.load.questions import Questions
from tests.load.tally import Second
from tests.load.users import LoadUser, Messenger, Visitor

LAST_ANSWERS_S = 5


class Steps(LoadTestShape):
    """The users of each step of the plan, one step after the other."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan

    def tick(self) -> tuple[int, float] | None:
        """Return the users wanted now and how fast they come, None at the end."""
        ends_s = 0.0
        for step in self._plan.steps:
            ends_s += step.seconds
            if self.get_run_time() < ends_s:
                return step.users, step.users_per_s
        return None


def run(plan: Plan) -> None:
    """Run the plan, and write what each second brought."""
    logging.getLogger("locust").setLevel(logging.ERROR)  # it warns of every user it stops
    LoadUser.plan, LoadUser.questions = plan, Questions(plan.first_question)
    LoadUser.host, LoadUser.second = plan.url, Second(monotonic())
    LoadUser.wait_time = constant_throughput(1 / plan.pause_s)
    users: list[type[User]] = [Messenger] if plan.asking == "different" else [Visitor, Messenger]
    environment = Environment(
        user_classes=users, shape_class=Steps(plan), stop_timeout=LAST_ANSWERS_S
    )
    environment.events.user_error.add_listener(count_error)
    runner = environment.create_local_runner()
    writing = gevent.spawn(write_seconds, environment)
    runner.start_shape()
    gevent.joinall([runner.shape_greenlet])
    runner.greenlet.join(LAST_ANSWERS_S)
    writing.kill()
    writing.get()  # raises what ended it
    runner.quit()


def count_error(exception: Exception, **_told: object) -> None:
    """Count a fault of our own as a failed request."""
    LoadUser.second.failed[f"client: {exception!r}"] += 1


def write_seconds(environment: Environment) -> None:
    """Write every second that is over, until killed."""
    used_s = process_time()
    while True:
        second = LoadUser.second
        gevent.sleep(max(0.0, second.at_s + 1 - monotonic()))
        LoadUser.second = Second(monotonic())
        second.users = environment.runner.user_count if environment.runner else 0
        second.cpu_s, used_s = round(process_time() - used_s, 3), process_time()
        sys.stdout.write(second.line() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    run(Plan.read(Path(sys.argv[1])))
