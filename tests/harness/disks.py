"""Disks that lose power, tear writes or fill up: images on loop devices.

They need root and a kernel that lets us mount; where it does not, `Refused` says why
and the test is skipped with that reason.
"""

import fcntl
import os
import shutil
import struct
import subprocess
from pathlib import Path

from .broker import ROOT
from .waiting import wait_until

FS_IOC_SHUTDOWN = 0x8004587D
SHUTDOWN_WITHOUT_LOG_FLUSH = 2


class Refused(Exception):
    """This machine cannot give us such a disk."""


def _run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise Refused(f"{' '.join(map(str, command))}: {done.stdout.strip()[-300:]}")
    return done.stdout.strip()


class LoopDisk:
    """An ext4 image on a loop device. The long commit interval keeps the journal from saving what nobody flushed."""

    def __init__(self, directory, megabytes):
        if os.geteuid() != 0:
            raise Refused("mounting a loop device needs root")
        for tool in ("mkfs.ext4", "losetup", "mount"):
            if shutil.which(tool) is None:
                raise Refused(f"{tool} is not installed")
        self.directory = Path(directory)
        self.image = self.directory / "disk.img"
        self.mountpoint = self.directory / "mnt"
        self.mountpoint.mkdir(parents=True, exist_ok=True)
        self.size = megabytes << 20
        with open(self.image, "wb") as image:
            image.truncate(self.size)
        _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)
        self.device = None

    def backing(self):
        """The file behind the loop device."""
        return self.image

    def mount(self):
        """Mounts the image, which replays its journal."""
        self.device = _run("losetup", "--find", "--show", self.backing())
        try:
            _run("mount", "-t", "ext4", "-o", "commit=300,noatime", self.device, self.mountpoint)
        except Refused:
            self._detach()
            raise

    def cut_power(self):
        """From now on nothing reaches the disk, not even the journal."""
        directory = os.open(self.mountpoint, os.O_RDONLY)
        try:
            fcntl.ioctl(directory, FS_IOC_SHUTDOWN, struct.pack("I", SHUTDOWN_WITHOUT_LOG_FLUSH))
        finally:
            os.close(directory)

    def unmount(self):
        """Takes the disk away; whoever used it must be dead."""
        def gone():
            done = subprocess.run(["umount", self.mountpoint], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return done.returncode == 0 or not os.path.ismount(self.mountpoint)

        wait_until(gone, 20, "the disk to be unmounted")
        self._detach()

    def _detach(self):
        if self.device is not None:
            _run("losetup", "--detach", self.device)
            self.device = None

    def close(self):
        """Gives everything back, whatever state it is in."""
        subprocess.run(["umount", "-l", self.mountpoint], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if self.device is not None:
            subprocess.run(["losetup", "--detach", self.device], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.device = None


class PluginDisk(LoopDisk):
    """A disk that is an nbdkit plugin, shown to the loop device as a file by nbdfuse."""

    def __init__(self, directory, megabytes, plugin):
        if not plugin.exists():
            raise Refused(f"the plugin of the disk is not there: {plugin}")
        for tool in ("nbdkit", "nbdfuse"):
            if shutil.which(tool) is None:
                raise Refused(f"{tool} is not installed")
        if not os.path.exists("/dev/fuse"):
            raise Refused("this kernel has no /dev/fuse")
        super().__init__(directory, megabytes)
        self.plugin = plugin
        self.exported = self.directory / "nbd"
        self.server = None

    def environment(self):
        """What the plugin is told."""
        return {"IMG": str(self.image), "SIZE": str(self.size)}

    def backing(self):
        return self.exported / "disk"

    def mount(self):
        self.exported.mkdir(exist_ok=True)
        self.server = subprocess.Popen(
            ["nbdfuse", self.backing(), "--command", "nbdkit", "-s", "--exit-with-parent", "python", self.plugin],
            env={**os.environ, **self.environment()}, stdout=subprocess.DEVNULL,
            stderr=open(self.directory / "nbd.log", "ab"),
        )
        try:
            wait_until(lambda: self.backing().exists() or self.server.poll() is not None, 20, "nbdfuse")
        except TimeoutError as error:
            raise Refused(str(error)) from error
        if self.server.poll() is not None:
            raise Refused(f"nbdfuse: {(self.directory / 'nbd.log').read_text()[-300:]}")
        super().mount()

    def unmount(self):
        super().unmount()
        self._stop_server()

    def close(self):
        super().close()
        self._stop_server()

    def _stop_server(self):
        subprocess.run(["umount", "-l", self.exported], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if self.server is not None and self.server.poll() is None:
            self.server.terminate()
            try:
                self.server.wait(20)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()


class TearingDisk(PluginDisk):
    """A disk with a volatile cache: at a power cut each sector that was not flushed survives by chance.

    After the cut all its reads and writes fail.
    """

    PLUGIN = ROOT.parent / "shared" / "tools" / "cutpower.py"

    def __init__(self, directory, megabytes, seed):
        super().__init__(directory, megabytes, self.PLUGIN)
        self.seed = seed
        self.trip = self.directory / "trip"

    def environment(self):
        return {**super().environment(), "TRIP": str(self.trip), "SEED": str(self.seed)}

    def mount(self):
        self.seed += 1
        self.trip.unlink(missing_ok=True)
        super().mount()

    def cut_power(self):
        self.trip.touch()


class SickDisk(PluginDisk):
    """A disk whose flushes take long or fail, while reads and writes work."""

    PLUGIN = Path(__file__).with_name("sick_disk.py")

    def __init__(self, directory, megabytes):
        super().__init__(directory, megabytes, self.PLUGIN)
        self.sick = self.directory / "sick"

    def environment(self):
        return {**super().environment(), "SICK": str(self.sick)}

    def slow_flushes(self, seconds):
        """Every flush takes so long from now on."""
        self._become(f"slow {seconds}")

    def failing_flushes(self):
        """Every flush fails from now on."""
        self._become("failing")

    def heal(self):
        """Flushes are as they should be."""
        self.sick.unlink(missing_ok=True)

    def _become(self, what):
        fresh = self.sick.with_suffix(".new")
        fresh.write_text(what)
        fresh.rename(self.sick)


def cut(broker, disk):
    """The power of the broker's disk goes: the process must not notice in time to save anything."""
    broker.pause()
    disk.cut_power()
    broker.kill()
    disk.unmount()
    disk.mount()
