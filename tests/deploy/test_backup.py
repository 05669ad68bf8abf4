"""Backups of a real Postgres and a real Redis: made, damaged, restored.

Over 400 lines because every test is about the same two servers, which take seconds to start.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest

from deploy.backup.__main__ import main
from deploy.backup.backup_set import from_environment, local
from deploy.backup.errors import BackupFailed
from deploy.backup.local_stores import reachable
from deploy.backup.repository import Repository, Snapshot
from deploy.backup.restore import choose_snapshot
from deploy.backup.store import PostgresClient, connection
from deploy.local.postgres_server import PostgresServer
from deploy.local.private_files import write_private
from deploy.local.redis_server import RedisServer, bundled_redis, system_redis

pytestmark = [pytest.mark.needs("restic"), pytest.mark.slow]

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Mailbox:
    """What `./neo run --only mail` keeps: a Postgres, a Redis and two files."""

    def __init__(self, neo: Path, binary: Path | None = None) -> None:
        self.neo = neo
        (neo / "mail").mkdir(parents=True, exist_ok=True)
        write_private(neo / "mail" / "password", "secret-of-the-stores")
        write_private(neo / "mail" / "vault", "seal key")
        self._binary = binary
        self._open()

    def _open(self) -> None:
        password = "secret-of-the-stores"  # noqa: S105 - of a server that lives for a test
        home = self.neo / "mail"
        self.postgres = PostgresServer(home / "postgres", password=password)
        self.redis = RedisServer(home / "redis", password=password, queue=True, binary=self._binary)

    def start(self) -> None:
        self.postgres.start()
        self.redis.start()

    def stop(self) -> None:
        self.postgres.stop()
        self.redis.stop()

    def restart(self) -> None:
        self._open()
        self.start()

    def write(self, statement: str) -> None:
        store = PostgresClient(connection(self.postgres.url()))
        store.query(f"{statement};")

    def mails(self) -> int:
        return PostgresClient(connection(self.postgres.url())).rows()["public.mails"]

    def neo_backup(self, *words: str) -> int:
        return main([*words, "--neo", str(self.neo), "--only", "mail"])


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `.neo` with a thousand mails, at rest: creating a cluster takes seconds, copying none."""
    neo = tmp_path_factory.mktemp("prepared") / ".neo"
    mailbox = Mailbox(neo)
    mailbox.start()
    mailbox.write("CREATE TABLE mails (id int, body text DEFAULT 'marker-in-a-letter')")
    mailbox.write("INSERT INTO mails SELECT generate_series(1, 1000)")
    mailbox.stop()
    return neo


@dataclass(frozen=True)
class FirstBackup:
    """A `.neo` at rest whose only backup was made while its stores were stopped."""

    neo: Path
    status: int
    output: str


@pytest.fixture(scope="module")
def first_backup(stopped: Path, tmp_path_factory: pytest.TempPathFactory) -> FirstBackup:
    """One base copy for all tests: making one takes seconds, copying its repository none."""
    folder = tmp_path_factory.mktemp("backed-up")
    subprocess.run(["cp", "-a", stopped, folder], check=True)
    with redirect_stdout(StringIO()) as output:
        status = Mailbox(folder / ".neo").neo_backup()
    return FirstBackup(folder / ".neo", status, output.getvalue())


@pytest.fixture
def mailbox(stopped: Path, tmp_path: Path) -> Iterator[Mailbox]:
    """A running mailbox without any backup."""
    subprocess.run(["cp", "-a", stopped, tmp_path], check=True)
    mailbox = Mailbox(tmp_path / ".neo")
    mailbox.start()
    yield mailbox
    mailbox.stop()


@pytest.fixture
def resting(first_backup: FirstBackup, tmp_path: Path) -> Mailbox:
    """A stopped mailbox with one backup."""
    subprocess.run(["cp", "-a", first_backup.neo, tmp_path], check=True)
    return Mailbox(tmp_path / ".neo")


@pytest.fixture
def backed_up(resting: Mailbox) -> Iterator[Mailbox]:
    """A running mailbox with one backup."""
    resting.start()
    yield resting
    resting.stop()


def test_a_backup_is_verified_by_starting_from_it(
    first_backup: FirstBackup, resting: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    assert first_backup.status == 0
    assert resting.neo_backup("verify") == 0

    assert "keep a copy of it on another machine" in first_backup.output
    assert "starts: 1000 rows" in capsys.readouterr().out


@pytest.mark.slow(10)
def test_a_server_whose_settings_are_not_among_its_data_is_restored_too(
    mailbox: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    data = mailbox.neo / "mail" / "postgres" / "data"
    for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"):
        (data / name).unlink()  # as on Debian, where they are in /etc/postgresql
    assert mailbox.neo_backup() == 0
    assert mailbox.neo_backup("verify") == 0
    assert "starts: 1000 rows" in capsys.readouterr().out
    mailbox.stop()
    assert mailbox.neo_backup("restore") == 0
    assert not (data / "postgresql.conf").exists()


def test_a_server_that_allows_more_connections_than_ours_is_restored_too(
    mailbox: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    mailbox.postgres.stop()
    mailbox.postgres = PostgresServer(
        mailbox.postgres.directory,
        password=mailbox.postgres.password,
        options=("max_connections=120", "max_locks_per_transaction=99"),
    )
    mailbox.postgres.start()

    assert mailbox.neo_backup() == 0
    assert mailbox.neo_backup("verify") == 0
    assert "starts: 1000 rows" in capsys.readouterr().out


def test_what_was_deleted_comes_back_as_of_the_moment_before(
    backed_up: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    backed_up.write("INSERT INTO mails SELECT generate_series(1001, 1500)")
    before = datetime.now(UTC)
    backed_up.write("DELETE FROM mails")
    assert backed_up.neo_backup() == 0
    backed_up.stop()
    (backed_up.neo / "mail" / "password").write_text("overwritten by mistake")

    assert backed_up.neo_backup("restore", "--to", before.isoformat()) == 0
    assert "1500 rows" in capsys.readouterr().out
    backed_up.restart()
    assert backed_up.mails() == 1500
    assert (backed_up.neo / "mail" / "password").read_text() == "secret-of-the-stores"
    assert list((backed_up.neo / "mail" / "postgres").glob("data.before-*"))

    backed_up.write("INSERT INTO mails VALUES (1501)")
    assert backed_up.neo_backup() == 0
    assert backed_up.neo_backup("verify") == 0
    assert "starts: 1501 rows" in capsys.readouterr().out


def test_after_a_lost_disk_at_most_what_came_since_the_last_backup_is_lost(
    backed_up: Mailbox, tmp_path: Path
) -> None:
    away = str(tmp_path / "elsewhere")
    subprocess.run(["mv", backed_up.neo / "backup" / "repository", away], check=True)
    backed_up.write("INSERT INTO mails SELECT generate_series(1001, 1200)")
    assert backed_up.neo_backup("--repository", away) == 0
    backed_up.write("INSERT INTO mails VALUES (1201)")
    backed_up.postgres.kill()
    backed_up.redis.kill()
    password = (backed_up.neo / "backup" / "password").read_text()
    subprocess.run(["rm", "-rf", str(backed_up.neo)], check=True)

    (backed_up.neo / "mail" / "redis").mkdir(parents=True)
    (backed_up.neo / "mail" / "postgres").mkdir()
    (backed_up.neo / "backup").mkdir()
    write_private(backed_up.neo / "backup" / "password", password)
    started_s = time.monotonic()
    assert backed_up.neo_backup("restore", "--repository", away) == 0
    backed_up.restart()
    taken_s = time.monotonic() - started_s

    assert backed_up.mails() == 1200
    assert timedelta(seconds=taken_s) < timedelta(hours=1)
    assert (backed_up.neo / "mail" / "password").read_text() == "secret-of-the-stores"


@pytest.mark.parametrize(
    "binary",
    [
        pytest.param(bundled_redis, id="valkey-9"),
        pytest.param(system_redis, id="redis-7", marks=pytest.mark.needs("redis-server")),
    ],
)
def test_redis_starts_again_with_what_it_held(
    resting: Mailbox, binary: Callable[[], Path | None]
) -> None:
    subprocess.run(["rm", "-rf", resting.neo / "mail" / "redis"], check=True)
    mailbox = Mailbox(resting.neo, binary())
    mailbox.start()
    try:
        for number in range(50):
            assert b"+OK" in mailbox.redis.ask(f"SET key:{number} {number}")
        mailbox.write("DROP TABLE mails")
        assert mailbox.neo_backup() == 0
        assert mailbox.redis.ask("FLUSHALL").endswith(b"+OK\r\n")
        mailbox.stop()

        assert mailbox.neo_backup("restore") == 0
        assert list((mailbox.neo / "mail" / "postgres").glob("data.before-*"))
        mailbox.restart()
        assert mailbox.redis.keys() == 50
        mailbox.redis.kill()
        mailbox.redis.start()
        assert mailbox.redis.keys() == 50
    finally:
        mailbox.stop()


def test_stores_that_do_not_run_are_started_for_the_backup_and_stopped_again(
    first_backup: FirstBackup,
) -> None:
    assert first_backup.status == 0
    assert "1000 rows" in first_backup.output
    assert not (first_backup.neo / "mail" / "postgres" / "data" / "postmaster.pid").exists()


def test_a_restore_over_running_stores_is_refused(
    backed_up: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backed_up.neo_backup("restore") == 1
    assert "stop ./neo run first" in capsys.readouterr().out
    assert backed_up.mails() == 1000


def test_a_damaged_backup_is_one_clear_sentence_and_changes_nothing(
    resting: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    packs = (resting.neo / "backup" / "repository" / "data").rglob("*")
    for pack in (path for path in packs if path.is_file()):
        content = bytearray(pack.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 64] = bytes(64)
        pack.chmod(0o600)
        pack.write_bytes(content)

    for action in ("verify", "restore"):
        assert resting.neo_backup(action) == 1
        told = capsys.readouterr().out
        assert told.startswith("neo: the backups in ")
        assert "cannot be used" in told
        assert len(told.splitlines()) == 1
    assert not list((resting.neo / "backup" / "mail").glob("scratch-*"))
    resting.restart()
    try:
        assert resting.mails() == 1000
    finally:
        resting.stop()


def test_what_lies_in_the_repository_cannot_be_read_without_the_password(resting: Mailbox) -> None:
    staging = resting.neo / "backup" / "mail" / "staging"
    base = b"".join(path.read_bytes() for path in (staging / "base").rglob("*") if path.is_file())
    assert b"marker-in-a-letter" in base

    stored = (resting.neo / "backup" / "repository").rglob("*")
    contents = b"".join(path.read_bytes() for path in stored if path.is_file())
    assert b"marker-in-a-letter" not in contents
    assert b"seal key" not in contents
    (resting.neo / "backup" / "password").write_text("another")
    assert resting.neo_backup("verify") == 1


def test_a_log_with_a_gap_leads_to_a_new_copy(backed_up: Mailbox) -> None:
    store = PostgresClient(connection(backed_up.postgres.url()))
    store.drop_slot()
    backed_up.write("INSERT INTO mails VALUES (1001)")
    store.query("SELECT pg_switch_wal(); CHECKPOINT;")
    stamp = backed_up.neo / "backup" / "mail" / "staging" / "base.at"
    first = stamp.read_text()

    assert backed_up.neo_backup() == 0
    assert stamp.read_text() != first
    assert backed_up.neo_backup("verify") == 0


def test_the_day_s_second_backup_copies_the_log_alone(backed_up: Mailbox) -> None:
    staging = backed_up.neo / "backup" / "mail" / "staging"
    copied = (staging / "base.at").read_text()
    backed_up.write("INSERT INTO mails VALUES (1001)")

    assert backed_up.neo_backup() == 0
    assert (staging / "base.at").read_text() == copied
    when = {path.name: path.stat().st_mtime for path in (staging.parent / "succeeded").iterdir()}
    assert set(when) == {"wal", "postgres", "redis", "files"}
    assert when["wal"] > when["postgres"]


def test_yesterday_s_copy_is_kept_with_all_of_its_log_when_a_new_one_is_made(
    backed_up: Mailbox,
) -> None:
    stamp = backed_up.neo / "backup" / "mail" / "staging" / "base.at"
    yesterday = datetime.now(UTC) - timedelta(days=1)
    stamp.write_text(yesterday.isoformat())

    assert backed_up.neo_backup() == 0
    repository = backed_up.neo / "backup" / "repository"
    kept = Repository(str(repository), backed_up.neo / "backup" / "password").snapshots("mail")
    assert kept[-2].base_at == yesterday
    assert kept[-1].base_at is not None
    assert kept[-1].base_at > yesterday


def snapshot(hours: float, base: float | None) -> Snapshot:
    at = NOON + timedelta(hours=hours)
    return Snapshot(str(hours), at, None if base is None else NOON + timedelta(hours=base))


@pytest.mark.parametrize(
    ("hour", "chosen"), [(None, "3"), (0.5, "1"), (1.5, "2"), (2.5, "3"), (3.0, "3")]
)
def test_a_moment_is_found_in_the_first_backup_that_holds_it(
    hour: float | None, chosen: str
) -> None:
    kept = [snapshot(1, 0), snapshot(2, 0), snapshot(2.2, 2.1), snapshot(3, 2.1)]

    to = None if hour is None else NOON + timedelta(hours=hour)
    assert choose_snapshot(kept, to).id == chosen


@pytest.mark.parametrize(
    ("hour", "sentence"), [(4, "nothing later is known"), (-1, "no backup reaches back")]
)
def test_a_time_that_no_backup_covers_is_reported(hour: float, sentence: str) -> None:
    with pytest.raises(BackupFailed, match=sentence):
        choose_snapshot([snapshot(1, 0), snapshot(2, 0)], NOON + timedelta(hours=hour))


def test_periodic_backups_end_silently_on_a_stop_signal(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("test")
    environment = {
        "PATH": os.environ["PATH"],
        "BACKUP_NAME": "ai",
        "BACKUP_REPOSITORY": "/proc/never",
        "BACKUP_PASSWORD_FILE": str(password),
    }
    command = [sys.executable, "-m", "deploy.backup", "every"]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        command,
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            assert running.stdout
            assert running.stdout.readline().startswith("neo: ")  # it failed, and will try again
            running.send_signal(signal.SIGINT)
            told = running.communicate(timeout=20)
        finally:
            running.kill()  # or `with` waits for its end

    assert told == ("", "")
    assert running.returncode == 130


def test_a_container_says_what_it_keeps_by_variables_and_files(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://telegram:secret@postgres:5432/telegram\n")
    backup_set = from_environment(
        {
            "BACKUP_NAME": "telegram",
            "BACKUP_POSTGRES_URL_FILE": str(tmp_path / "url"),
            "BACKUP_FILES": "/run/secrets:/etc/nginx/certificates",
        }
    )

    assert connection(backup_set.postgres_url)["PGPASSWORD"] == "secret"
    assert backup_set.files == (Path("/run/secrets"), Path("/etc/nginx/certificates"))
    with pytest.raises(BackupFailed, match="BACKUP_NAME is not set"):
        from_environment({})
    with pytest.raises(BackupFailed, match="BACKUP_REDIS_URL_FILE cannot be read"):
        from_environment({"BACKUP_NAME": "x", "BACKUP_REDIS_URL_FILE": str(tmp_path / "none")})


def test_a_host_s_stores_are_restored_where_its_variables_say(
    mailbox: Mailbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "mail_vault").write_text("seal key")
    (secrets / "mail").mkdir()
    (secrets / "mail" / "mail_vault").write_text("seal key")
    (secrets / "mail" / "smtp").write_text("relay")
    (tmp_path / "password").write_text("of the backups")
    place = tmp_path / "volumes" / "postgres" / "data"
    for name, value in {
        "NAME": "mail",
        "REPOSITORY": str(tmp_path / "repository"),
        "PASSWORD_FILE": str(tmp_path / "password"),
        "POSTGRES_URL": mailbox.postgres.url(),
        "REDIS_URL": mailbox.redis.url,
        "FILES": str(secrets),
        "FOLDER": str(tmp_path / "work"),
        "SUCCEEDED": str(tmp_path / "succeeded"),
        "POSTGRES_DATA": str(place),
        "REDIS_DATA": str(tmp_path / "volumes" / "redis"),
    }.items():
        monkeypatch.setenv(f"BACKUP_{name}", value)

    assert main([]) == 0
    assert main(["list"]) == 0
    assert main(["restore"]) == 0
    assert "1000 rows" in capsys.readouterr().out

    restored = [path for path in (tmp_path / "work" / "restored").rglob("*") if path.is_file()]
    assert [path.name for path in restored] == ["smtp"]  # the vault keys are in no backup
    assert (tmp_path / "volumes" / "redis" / "appendonly.aof").exists()
    again = PostgresServer(place.parent, password=mailbox.postgres.password)
    again.take_ownership()
    again.start()
    try:
        assert PostgresClient(connection(again.url())).rows()["public.mails"] == 1000
    finally:
        again.stop()


def test_a_role_with_what_the_page_grants_it_makes_backups(
    mailbox: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operating = (Path(__file__).resolve().parents[2] / "docs" / "operating.md").read_text()
    role = re.search(r"CREATE ROLE telegram (LOGIN .*) PASSWORD ", operating)
    grant = re.search(r"^(GRANT EXECUTE .*) TO telegram;$", operating, re.MULTILINE)
    assert role
    assert grant
    mailbox.write(f"CREATE ROLE clerk {role[1]} PASSWORD 'of-the-clerk'")
    mailbox.write("ALTER TABLE mails OWNER TO clerk")
    address = f"postgresql://clerk:of-the-clerk@127.0.0.1:{mailbox.postgres.port}/postgres"
    (tmp_path / "password").write_text("of the backups")
    for name, value in {
        "NAME": "mail",
        "REPOSITORY": str(tmp_path / "repository"),
        "PASSWORD_FILE": str(tmp_path / "password"),
        "POSTGRES_URL": address,
        "FOLDER": str(tmp_path / "work"),
    }.items():
        monkeypatch.setenv(f"BACKUP_{name}", value)

    assert main([]) == 1
    mailbox.write(f"{grant[1]} TO clerk")
    assert main([]) == 0


def test_the_example_environment_has_the_variables_that_are_read() -> None:
    root = Path(__file__).resolve().parents[2]
    example = (root / "deploy" / "env" / "backup.env.example").read_text()
    code = "".join(path.read_text() for path in (root / "deploy" / "backup").glob("*.py"))
    read = set(re.findall(r'"(BACKUP_[A-Z_]+)"', code)) - {"BACKUP_POSTGRES_BINARIES"}

    written = set(re.findall(r"^(BACKUP_[A-Z_]+)=", example, re.MULTILINE))
    # A value may be given as the file that holds it.
    assert {name.removesuffix("_FILE") for name in written} == {
        name.removesuffix("_FILE") for name in read
    }


def test_a_store_that_cannot_start_is_reported(mailbox: Mailbox) -> None:
    mailbox.stop()
    (mailbox.neo / "mail" / "redis" / "written-by").write_text("valkey 99")

    [backup_set] = local(mailbox.neo, ["mail"])
    with pytest.raises(BackupFailed, match="99"), reachable(backup_set):
        pass
    with suppress(FileNotFoundError):
        (mailbox.neo / "mail" / "redis" / "written-by").unlink()
