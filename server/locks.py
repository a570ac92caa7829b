"""Kernel locks on files: a process that ends, however it ends, lets go of them.

What such a file says is for people to read, and never believed: only the kernel knows whether its owner lives. The files of
`Lives` tell the processes of one host (those that share a folder) which of them are alive.
"""

import fcntl
import os
import re
from pathlib import Path

from attrs import define, field

from server import clock

ABOUT_LENGTH_MAX = 200
BEGIN_TRIES, BEGIN_AGAIN_S = 20, 0.01
NAME_PATTERN = re.compile(r"[A-Za-z0-9_.-]{1,80}")


@define(eq=False)
class FileLock:
    """One file's lock, held from `take` to `release` or the process's end."""

    path: Path
    _descriptor: int | None = field(default=None, init=False)

    def take(self, about: str = "", *, is_shared: bool = False) -> bool:
        """Whether it is ours now, and never waits. ``about`` is what others may read of us; shared holders write nothing.

        Raises:
            OSError: the file cannot be made, or its file system knows no locks.
        """
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            except OSError:
                os.close(descriptor)
                raise
            if self._is_in_place(descriptor):
                break
            os.close(descriptor)  # somebody removed the file between our two steps: the lock of the next one counts
        os.truncate(descriptor, 0)  # what a dead owner wrote is not true any more
        if not is_shared:
            os.pwrite(descriptor, about.encode()[:ABOUT_LENGTH_MAX], 0)
        self._descriptor = descriptor
        return True

    def release(self, *, is_removed: bool = False) -> None:
        """Lets go, and ``is_removed`` takes the file away while it is ours still."""
        if self._descriptor is not None:
            if is_removed:
                self.path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None

    def about(self) -> str:
        """What the holder wrote of itself; "" where there is nothing to read."""
        try:
            return self.path.read_bytes()[:ABOUT_LENGTH_MAX].decode(errors="replace").strip()
        except OSError:
            return ""

    def _is_in_place(self, descriptor: int) -> bool:
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        own = os.fstat(descriptor)
        return (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino)


@define
class Lives:
    """A folder with one locked file for each living process of this host, under the name that it has in the database."""

    folder: Path

    def begin(self, name: str) -> FileLock:
        """Others see ``name`` alive until the lock is released or this process ends.

        Raises:
            OSError: the folder cannot be written.
            ValueError: a name that is none for a file.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = self._lock(name)
        for _ in range(BEGIN_TRIES):
            if lock.take(f"process {os.getpid()}"):
                return lock
            clock.block_s(BEGIN_AGAIN_S)  # somebody looks just now whether we live
        raise OSError(f"expected a name of our own, got {name}, which another process has")

    def dead(self) -> list[str]:
        """The names whose processes ended without a word. One that is not listed may be alive, on another host, or unknown."""
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir() if self._is_dead(path))

    def forget(self, name: str) -> None:
        """Removes what a dead process left; a living one's file stays."""
        lock = self._lock(name)
        if lock.path.exists() and lock.take():
            lock.release(is_removed=True)

    def _is_dead(self, path: Path) -> bool:
        if not NAME_PATTERN.fullmatch(path.name) or not path.is_file():
            return False
        lock = FileLock(path)
        is_free = lock.take(lock.about())
        lock.release()
        return is_free

    def _lock(self, name: str) -> FileLock:
        if not NAME_PATTERN.fullmatch(name):
            raise ValueError(f"expected 1 to 80 letters, digits, dots, - or _, got {name[:100]!r}")
        return FileLock(self.folder / name)
