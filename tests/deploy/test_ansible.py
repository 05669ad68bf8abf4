"""The playbook does what the page on installing says; ansible-lint is run by hand."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
[PLAY] = yaml.safe_load((ROOT / "deploy/ansible/site.yml").read_text())
INVENTORY = yaml.safe_load((ROOT / "deploy/ansible/inventory.example.yml").read_text())
PAGE = (ROOT / "docs" / "operating.md").read_text()


def test_the_firewall_is_the_one_of_the_page() -> None:
    [rules] = [
        task["ansible.builtin.copy"]["content"]
        for task in PLAY["tasks"]
        if "ansible.builtin.copy" in task
    ]
    written = re.sub(r"\{\{.*?\}\}", "22", rules)
    assert written.strip() in PAGE


def test_every_variable_of_the_playbook_is_in_the_example() -> None:
    used = set(re.findall(r"\bneo_[a-z]+", str(PLAY)))
    registered = {task["register"] for task in PLAY["tasks"] if "register" in task}
    hosts = INVENTORY["neo"]["hosts"].values()
    given = {*INVENTORY["neo"]["vars"], *(name for host in hosts for name in host)}
    assert used - registered == {name for name in given if name.startswith("neo_")}


def test_a_new_firewall_is_loaded_before_anything_else_may_fail() -> None:
    names = [task["name"] for task in PLAY["tasks"]]
    [loaded] = [
        number
        for number, task in enumerate(PLAY["tasks"])
        if task.get("ansible.builtin.meta") == "flush_handlers"
    ]
    assert names[loaded - 2 : loaded] == [
        "Let in SSH, HTTP and HTTPS alone",
        "Start the firewall with the host",
    ]
