"""Fetches a model from a Hub: which of a repository's files it is made of."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from ai_core.errors import ModelUnusable
from ai_core.models.files import shard_names
from shared.weights.hub import Hub, HubFile, HubSource, Progress

COMPANIONS = (  # files a folder of weights needs beside them
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "tokenizer.model", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
    "chat_template.jinja", "adapter_config.json", "model.safetensors.index.json",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FetchedModel:
    """A model that was fetched: the file or folder to open, its commit, the licence named there."""

    path: Path
    commit: str
    licence: str


def fetch_model(hub: Hub, source: HubSource, folder: Path, progress: Progress) -> FetchedModel:
    """Download a model into `folder`; see `Hub.fetch`.

    Raises ModelUnusable when the repository holds no model we know.
    """
    fetched = hub.fetch(source, folder, progress, partial(choose_files, source=source))
    first = fetched.names[0]
    one_file = first.endswith(".gguf") or len(fetched.names) == 1
    return FetchedModel(folder / first if one_file else folder, fetched.commit, fetched.licence)


def choose_files(files: list[HubFile], source: HubSource) -> list[HubFile]:
    """Choose what to fetch: the file named, else the weights and their companions.

    A split GGUF is one model: all its files, the first one first. Raises ModelUnusable, naming the
    GGUF files to choose from when there are several.
    """
    if source.file:
        named = [file for file in files if file.name == source.file]
        if not named:
            raise ModelUnusable(f"{source.repo} has no file {source.file}")
        return all_shards(named[0], files)
    gguf = [file for file in files if file.name.endswith(".gguf")]
    weights = [file for file in files if file.name.endswith(".safetensors")] or [
        file for file in files if ".onnx" in PurePosixPath(file.name).name
    ]
    if weights:
        return weights + [file for file in files if file.name in COMPANIONS]
    models = {all_shards(file, files)[0].name: file for file in gguf}
    if len(models) == 1:
        return all_shards(gguf[0], files)
    names = ", ".join(models) or "none that is a model"
    raise ModelUnusable(f"{source.repo}: name one of its files: {names}")


def all_shards(file: HubFile, files: list[HubFile]) -> list[HubFile]:
    """Return the files of the split GGUF that `file` belongs to, in order, or `file` alone.

    Raises ModelUnusable when some of them are not listed.
    """
    names = shard_names(file.name)
    if len(names) == 1:
        return [file]
    listed = {each.name: each for each in files}
    missing = [name for name in names if name not in listed]
    if missing:
        raise ModelUnusable(
            f"{file.name} is a part of a model whose other parts are not there: "
            f"{', '.join(missing[:3])}"
        )
    return [listed[name] for name in names]
