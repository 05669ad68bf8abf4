import hashlib
import io
import json
import stat
import tarfile
from pathlib import Path

import pytest

from ai_core.errors import CorpusRefused, SourceUnreachable
from ai_core.law.ingest import sources
from ai_core.law.ingest.sample import Sample
from ai_core.law.ingest.sources import Archive, fetch, sha256_of_files, supplied


def packed(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Archive:
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content))
    return Archive(path, sha256_of_files(path))


def npm(folder: Path, script: str) -> str:
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


def test_only_the_named_data_files_are_read_wherever_others_point(tmp_path: Path) -> None:
    link = tarfile.TarInfo("package/data/index.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    archive = packed(
        tmp_path / "a.tgz",
        (tarfile.TarInfo("../../escape.json"), b"no"),
        (link, b""),
        (tarfile.TarInfo("package/data/articles/index.json"), b"no"),
        (tarfile.TarInfo("package/data/index.json"), b"yes"),
    )
    assert archive.file("index.json") == b"yes"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tgz"]


def test_a_file_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MEMBER_LIMIT_BYTES", 3)
    archive = packed(tmp_path / "a.tgz", (tarfile.TarInfo("package/data/index.json"), b"four"))
    with pytest.raises(CorpusRefused, match="larger"):
        archive.file("index.json")


def test_an_archive_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusRefused, match=r"no index\.json"):
        packed(tmp_path / "a.tgz").file("index.json")


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.99])
def test_a_truncated_archive_is_refused(tmp_path: Path, kept: float) -> None:
    Sample.read().write(tmp_path)
    (path,) = tmp_path.glob("*kali*")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    archive = Archive(path, sha256_of_files(path))
    with pytest.raises(CorpusRefused):
        list(archive.files("index.json", "absent.json"))


def test_bytes_that_are_not_an_archive_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tgz"
    path.write_bytes(b"not a gzip file at all")
    with pytest.raises(CorpusRefused, match="damaged"):
        Archive(path, "").file("index.json")


def test_without_npm_the_error_names_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match="install npm"):
        fetch(tmp_path / "archives", npm=str(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        ("npm ERR! code ENOTFOUND", "failed: the network failed on the way: check the connection"),
        ("npm error code ENOSPC", "failed: the disk is full: free some space"),
        ("npm error nobody knows this", "failed: npm error nobody knows this"),
    ],
)
def test_when_npm_fails_its_cause_is_told_and_its_words_are_kept(
    tmp_path: Path, printed: str, sentence: str
) -> None:
    failing = npm(tmp_path, f"echo '{printed}' >&2; exit 1")
    with pytest.raises(SourceUnreachable) as told:
        fetch(tmp_path / "archives", npm=failing)
    assert sentence in str(told.value)
    log = tmp_path / "archives" / "npm.log"
    assert str(told.value).endswith(f"(what it printed: {log})")
    assert printed in log.read_text()


def test_each_package_is_told_before_it_is_fetched(tmp_path: Path) -> None:
    told: list[str] = []
    with pytest.raises(SourceUnreachable):
        fetch(tmp_path / "archives", npm=npm(tmp_path, "exit 1"), report=told.append)
    assert told == [sources.CODE.package]


def test_an_archive_that_is_not_the_pinned_one_is_refused_and_deleted(tmp_path: Path) -> None:
    lying = npm(tmp_path, f'echo other > "$5/{sources.CODE.archive_name}"')
    with pytest.raises(CorpusRefused, match="pinned"):
        fetch(tmp_path / "archives", npm=lying)
    assert not list((tmp_path / "archives").iterdir())


def test_npm_is_asked_for_the_exact_version_and_no_script(tmp_path: Path) -> None:
    command = npm(tmp_path, f'echo "$@" > {tmp_path}/arguments')
    with pytest.raises(SourceUnreachable, match="did not leave"):
        fetch(tmp_path / "archives", npm=command)
    arguments = (tmp_path / "arguments").read_text()
    assert arguments.startswith(
        f"pack {sources.CODE.package}@{sources.CODE.version} --ignore-scripts"
    )


def test_archives_already_fetched_are_not_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases = []
    for release in sources.RELEASES:
        (tmp_path / release.archive_name).write_bytes(release.package.encode())
        digest = hashlib.sha256(release.package.encode()).hexdigest()
        releases.append(sources.Release(release.package, release.version, digest))
    monkeypatch.setattr(sources, "RELEASES", tuple(releases))
    assert fetch(tmp_path, npm=str(tmp_path / "absent")).code.sha256 == releases[0].sha256


def test_a_supplied_archive_with_a_pinned_name_must_be_that_release(tmp_path: Path) -> None:
    Sample.read().write(tmp_path)
    (code,) = tmp_path.glob("*legi*")
    code.rename(tmp_path / sources.CODE.archive_name)
    with pytest.raises(CorpusRefused, match="not the release pinned"):
        supplied(tmp_path)


def test_a_missing_package_is_named_with_the_command_that_brings_it(tmp_path: Path) -> None:
    Sample.read().write(tmp_path)
    next(tmp_path.glob("*fiches*")).unlink()
    with pytest.raises(CorpusRefused, match="npm pack @socialgouv/fiches-travail-data@"):
        supplied(tmp_path)


def test_two_archives_of_one_package_are_refused(tmp_path: Path) -> None:
    Sample.read().write(tmp_path)
    (code,) = tmp_path.glob("*legi*")
    (tmp_path / "socialgouv-legi-data-0.2.0.tgz").write_bytes(code.read_bytes())
    with pytest.raises(CorpusRefused, match="more than one"):
        supplied(tmp_path)


def test_unpacked_files_are_as_good_as_archives(tmp_path: Path) -> None:
    Sample.read().write(tmp_path / "packed")
    for path in (tmp_path / "packed").iterdir():
        with tarfile.open(path) as archive:
            archive.extractall(tmp_path / "unpacked" / path.stem, filter="data")
    found = supplied(tmp_path / "unpacked")
    assert json.loads(found.code.file(sources.CODE_FILE))["type"] == "code"
    assert len(json.loads(found.agreements.file(sources.AGREEMENTS_FILE))) == 2
