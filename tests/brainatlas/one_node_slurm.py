"""A folder in, a running one-node Slurm on loopback out (munged, slurmctld, slurmd from Debian's packages)."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "sinfo")
PATIENCE_S = 60


def why_not() -> str | None:
    """Return why no Slurm can be started here; None where one can."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if missing:
        return f"{', '.join(missing)} not installed (apt-get install slurmctld slurmd slurm-client munge)"
    return None if os.geteuid() == 0 else "a Slurm of one's own is started by root only"


@contextmanager
def one_node_slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Start the three daemons in `folder`, yield the environment to submit jobs in, and stop them after."""
    host = socket.gethostname().partition(".")[0]
    folder.chmod(0o755)
    socket_path = Path("/tmp") / f"munge-{os.getpid()}.socket"  # a path of a socket may not be long
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    ports = _free_ports(2)
    (folder / "slurm.conf").write_text(_configuration(folder, host, socket_path, ports), encoding="utf-8")
    environment = {**os.environ, "PATH": _path(), "SLURM_CONF": str(folder / "slurm.conf")}
    daemons = [
        ["munged", "--foreground", "--force", f"--socket={socket_path}", f"--key-file={key}"]
        + [f"--{name}-file={folder / ('munged.' + name)}" for name in ("pid", "log", "seed")],
        ["slurmctld", "-D", "-i", "-f", str(folder / "slurm.conf")],
        ["slurmd", "-D", "-N", host, "-f", str(folder / "slurm.conf")],
    ]
    running: list[subprocess.Popen[bytes]] = []
    with (folder / "daemons.log").open("wb") as log:
        try:
            for words in daemons:
                running.append(subprocess.Popen(words, env=environment, stdout=log, stderr=log, start_new_session=True))
                time.sleep(1)
            _wait_until_idle(environment, folder)
            yield environment
        finally:
            for process in reversed(running):
                process.terminate()
            for process in running:
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
            socket_path.unlink(missing_ok=True)


def _configuration(folder: Path, host: str, munge: Path, ports: list[int]) -> str:
    processors = os.cpu_count() or 1
    settings = {
        "ClusterName": "one",
        "SlurmctldHost": f"{host}(127.0.0.1)",
        "SlurmUser": "root",
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={munge}",
        "CredType": "cred/munge",
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "JobAcctGatherType": "jobacct_gather/none",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_CPU",
        "ReturnToService": "2",
        "MpiDefault": "none",
        "SlurmctldPort": str(ports[0]),
        "SlurmdPort": str(ports[1]),
        "StateSaveLocation": str(folder / "state"),
        "SlurmdSpoolDir": str(folder / "spool"),
        "SlurmctldPidFile": str(folder / "slurmctld.pid"),
        "SlurmdPidFile": str(folder / "slurmd.pid"),
        "SlurmctldLogFile": str(folder / "slurmctld.log"),
        "SlurmdLogFile": str(folder / "slurmd.log"),
    }
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    node = f"NodeName={host} NodeAddr=127.0.0.1 CPUs={processors} State=UNKNOWN"
    partition = f"PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=YES"
    return "\n".join([*(f"{name}={value}" for name, value in settings.items()), node, partition, ""])


def _wait_until_idle(environment: dict[str, str], folder: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        told = subprocess.run(
            ["sinfo", "-h", "-o", "%T"], env=environment, capture_output=True, text=True, check=False, timeout=30
        )
        if told.stdout.strip() == "idle":
            return
        time.sleep(0.5)
    logs = "\n".join(path.read_text(errors="replace")[-1500:] for path in sorted(folder.glob("*.log")))
    raise RuntimeError(f"Slurm did not come up within {PATIENCE_S} s:\n{logs}")


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in held]
    finally:
        for one in held:
            one.close()


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
