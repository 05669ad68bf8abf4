"""Fetching a model from a Hub on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ai_core.errors import ModelUnusable
from ai_core.models.admin.hub_files import FetchedModel, fetch_model
from shared.errors import HubRefused, HubUnreachable, NoDisk
from shared.weights.hub import Hub, HubSource
from tests.servers.hub import COMMIT, FakeHub, serving

WEIGHTS = bytes(range(256)) * 2_000
REPO = "hf:owner/repo"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with serving(FakeHub({"tiny.gguf": WEIGHTS, "README.md": b"# Tiny"})) as hub:
        yield hub


def fetch(hub: FakeHub, folder: Path, source: str = REPO) -> FetchedModel:
    return fetch_model(Hub(hub.address), HubSource.parse(source), folder, lambda *_: None)


def test_a_repository_with_one_gguf_file_gives_that_file(hub: FakeHub, tmp_path: Path) -> None:
    fetched = fetch(hub, tmp_path)
    assert fetched == FetchedModel(tmp_path / "tiny.gguf", COMMIT, "apache-2.0")
    assert fetched.path.read_bytes() == WEIGHTS
    assert [file.name for file in tmp_path.iterdir()] == ["tiny.gguf"]


def test_what_is_there_and_whole_is_not_fetched_again(hub: FakeHub, tmp_path: Path) -> None:
    fetch(hub, tmp_path)
    hub.requests.clear()
    fetch(hub, tmp_path)
    assert [path for path, _ in hub.requests if "resolve" in path] == []


def test_a_broken_connection_is_taken_up_where_it_was_cut(hub: FakeHub, tmp_path: Path) -> None:
    hub.cuts = 2
    assert fetch(hub, tmp_path).path.read_bytes() == WEIGHTS
    half, quarter = len(WEIGHTS) // 2, len(WEIGHTS) * 3 // 4
    ranges = [range_header for path, range_header in hub.requests if "resolve" in path]
    assert ranges == ["", f"bytes={half}-", f"bytes={quarter}-"]


def test_what_came_before_a_failure_is_kept_for_the_next_time(hub: FakeHub, tmp_path: Path) -> None:
    hub.cuts = 4
    with pytest.raises(HubUnreachable, match="what came is kept"):
        fetch(hub, tmp_path)
    hub.requests.clear()
    assert fetch(hub, tmp_path).path.read_bytes() == WEIGHTS
    assert hub.requests[-1][1].startswith("bytes=")


def test_a_file_that_is_not_what_the_hub_lists_is_deleted(hub: FakeHub, tmp_path: Path) -> None:
    hub.corrupt = True
    with pytest.raises(HubRefused, match=r"tiny\.gguf arrived damaged"):
        fetch(hub, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_small_file_is_checked_by_its_git_hash(hub: FakeHub, tmp_path: Path) -> None:
    hub.files = {"model.safetensors": WEIGHTS, "config.json": b'{"a": 1}', "notes.md": b"x"}
    assert fetch(hub, tmp_path).path == tmp_path
    assert {file.name for file in tmp_path.iterdir()} == {"model.safetensors", "config.json"}
    (tmp_path / "config.json").write_bytes(b'{"a": 2}')
    fetch(hub, tmp_path)
    assert (tmp_path / "config.json").read_bytes() == b'{"a": 1}'


def test_several_gguf_files_are_named_to_choose_from(hub: FakeHub, tmp_path: Path) -> None:
    hub.files["large.gguf"] = WEIGHTS
    with pytest.raises(ModelUnusable, match=r"name one of its files: tiny\.gguf, large\.gguf"):
        fetch(hub, tmp_path)
    assert fetch(hub, tmp_path, f"{REPO}/large.gguf").path.name == "large.gguf"
    with pytest.raises(ModelUnusable, match=r"has no file huge\.gguf"):
        fetch(hub, tmp_path, f"{REPO}/huge.gguf@main")


def test_all_files_of_a_split_gguf_are_fetched(hub: FakeHub, tmp_path: Path) -> None:
    parts = [f"q4/tiny-{number:05}-of-00003.gguf" for number in (1, 2, 3)]
    hub.files = dict.fromkeys(reversed(parts), WEIGHTS)
    assert fetch(hub, tmp_path).path == tmp_path / parts[0]
    assert all((tmp_path / name).read_bytes() == WEIGHTS for name in parts)
    hub.files["other.gguf"] = WEIGHTS
    with pytest.raises(ModelUnusable, match=r"one of its files: \S+-00001-of-00003\.gguf, other"):
        fetch(hub, tmp_path)
    assert fetch(hub, tmp_path, f"{REPO}/{parts[1]}").path == tmp_path / parts[0]
    del hub.files[parts[2]]
    with pytest.raises(ModelUnusable, match=r"other parts are not there: .*-00003-of-00003"):
        fetch(hub, tmp_path, f"{REPO}/{parts[0]}")


def test_a_busy_hub_is_asked_again(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", waits.append)
    hub.busy = 2
    assert fetch(hub, tmp_path).path.read_bytes() == WEIGHTS
    assert waits == [1, 2]


def test_the_token_goes_to_the_hub(hub: FakeHub, tmp_path: Path) -> None:
    with_token = Hub(hub.address, "hf_secret")
    fetch_model(with_token, HubSource.parse(REPO), tmp_path, lambda *_: None)
    assert hub.tokens == {"Bearer hf_secret"}


def test_a_closed_repository_says_what_to_do(hub: FakeHub, tmp_path: Path) -> None:
    hub.closed = True
    with pytest.raises(HubUnreachable, match="HF_TOKEN"):
        fetch(hub, tmp_path)


def test_an_unknown_repository_or_revision_is_reported(hub: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(HubRefused, match="owner/repo at nowhere is not on"):
        fetch(hub, tmp_path, f"{REPO}@nowhere")


def test_a_hub_that_does_not_answer_is_reported_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(HubUnreachable, match="HF_ENDPOINT names a mirror"):
        fetch(FakeHub({}, address="http://127.0.0.1:9"), tmp_path)


@pytest.mark.parametrize(
    ("listing", "words"),
    [
        ({"id": "owner/repo", "sha": COMMIT, "siblings": [{}]}, "does not answer as it should"),
        ({"sha": COMMIT, "siblings": "none"}, "does not answer as it should"),
        ({"id": "a/b", "sha": COMMIT, "siblings": [{"rfilename": "a"}]}, "names no size for a"),
    ],
)
def test_a_listing_that_makes_no_sense_is_the_hubs_fault(
    hub: FakeHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    listing: dict[str, object],
    words: str,
) -> None:
    monkeypatch.setattr(hub, "listing", lambda: listing)
    with pytest.raises(HubUnreachable, match=words):
        fetch(hub, tmp_path)


def test_a_file_outside_the_folder_is_never_written(hub: FakeHub, tmp_path: Path) -> None:
    hub.files = {"../evil.gguf": WEIGHTS}
    with pytest.raises(ModelUnusable, match="none that is a model"):
        fetch(hub, tmp_path)


def test_a_full_disk_is_reported_before_anything_is_fetched(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = type("Usage", (), {"free": 1_000})
    monkeypatch.setattr("shutil.disk_usage", lambda _place: full)
    with pytest.raises(NoDisk, match="512,000 bytes are needed"):
        fetch(hub, tmp_path)
    assert [path for path, _ in hub.requests if "resolve" in path] == []


@pytest.mark.parametrize("source", ["hf:", "hf:owner", "hf:owner/../etc", "hf:owner/repo/../x"])
def test_a_source_that_is_no_repository_is_refused(source: str) -> None:
    with pytest.raises(HubRefused, match="write hf:OWNER/REPO"):
        HubSource.parse(source)
