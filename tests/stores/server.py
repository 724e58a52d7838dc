"""A PostgreSQL server of a test's own, on a Unix socket in a temporary folder, that can be killed and started again."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conftest import lacking

_OPTIONS = [
    "-c",
    "listen_addresses=",
    "-c",
    "max_connections=20",
    "-c",
    "shared_buffers=32MB",
    "-c",
    "log_min_messages=fatal",
    "-c",
    "jit=off",
]


def _programs() -> Path:
    """Return the folder of the server's programs, the newest version of Debian's or what is on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        lacking("needs PostgreSQL's server (Debian's package postgresql)")
    return (found[-1] if found else Path(str(on_path)).resolve()).parent


class Server:
    """The server; ``kill`` is kill -9 of all its processes."""

    def __init__(self, folder: Path, programs: Path, *, durable: bool = False) -> None:
        # fsync is against power cuts, which no test has; kill -9 leaves the system's cache alone
        self._options = [*_OPTIONS, "-c", f"fsync={'on' if durable else 'off'}"]
        self.folder = folder
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        # PostgreSQL refuses to run as root, so root becomes the user that the package made for it.
        self._user: int | None = None
        self._group: int | None = None
        if os.geteuid() == 0:
            entry = pwd.getpwnam("postgres")
            self._user, self._group = entry.pw_uid, entry.pw_gid
            os.chown(folder, self._user, self._group)

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [str(self._programs / program), *arguments]

    def create(self) -> None:
        data = str(self.folder / "data")
        command = self._command("initdb", "-D", data, "-U", "indevolt", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, user=self._user, group=self._group)

    def start(self) -> None:
        command = self._command("postgres", "-D", str(self.folder / "data"), "-k", str(self.folder), *self._options)
        log = (self.folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True, user=self._user, group=self._group
            )
        ready = self._command("pg_isready", "-q", "-h", str(self.folder), "-U", "indevolt")
        while subprocess.run(ready, check=False).returncode:
            assert self._process is not None
            assert self._process.poll() is None, (self.folder / "log").read_text()

    def kill(self) -> None:
        """Kill every process of the server at once, as a power cut would."""
        process, self._process = self._process, None
        if process is None:
            return
        backends = [int(each) for each in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
        process.kill()
        for each in backends:  # which are in sessions of their own
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        process.wait()
        while not all(map(_has_ended, backends)):  # a new server would find their memory in use
            pass

    def new_database(self) -> str:
        """Return the address of an empty database."""
        self._databases += 1
        name = f"history{self._databases}"
        command = self._command("createdb", "-h", str(self.folder), "-U", "indevolt", name)
        subprocess.run(command, check=True)
        return f"postgresql://indevolt@/{name}?host={self.folder}"


def _has_ended(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"  # ended, and nobody has asked how


@contextlib.contextmanager
def server_for_tests(*, durable: bool = False) -> Iterator[Server]:
    """Run a server in a folder of its own; its path is short, because that of a socket may not be long."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="indevolt-pg-") as folder:
        Path(folder).chmod(0o755)
        server = Server(Path(folder), programs, durable=durable)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.kill()
