"""What a cluster of virtual machines is made of, and the files that its Slurm and its machines read."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

GPUS = 2
# A line of gres.conf's devices; a character device of the right name is all that Slurm looks at.
GPU_TYPE = "fake"


@dataclass(frozen=True)
class Machine:
    """A virtual machine; the login node computes nothing and runs the controller."""

    name: str
    address: str
    feature: str = ""
    gpus: int = 0


LOGIN = Machine("login", "10.77.0.1")
NODES = (
    Machine("cpu1", "10.77.0.11", "old"),
    Machine("cpu2", "10.77.0.12", "new"),
    Machine("gpu1", "10.77.0.21", "old", GPUS),
    Machine("gpu2", "10.77.0.22", "new", GPUS),
)
MACHINES = (LOGIN, *NODES)

# Two partitions as sites have them, and one whose jobs turn the others' jobs out. Each task is bound to its CPUs. A job
# that is requeued waits for cred_expire, which is 120 s by default; nodes are given up, and jobs killed, sooner than by
# default. No accounting: squeue tells what became of jobs for an hour, and jobs.txt for good. Jobs' processes are found
# by group, not by cgroup: what has a session of its own and isn't ended by its owner stays, so that tests see it.
SLURM_CONF = """\
ClusterName=virtual
SlurmctldHost=login({controller})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=20
StateSaveLocation={folder}/state
SlurmctldPidFile=/run/slurmctld.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdPidFile=/run/slurmd.pid
SlurmdLogFile={folder}/log/slurmd-%n.log
SlurmdSpoolDir=/run/slurmd
MpiDefault=none
ProctrackType=proctrack/pgid
TaskPlugin=task/affinity
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0,sched_min_interval=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=20
InactiveLimit=0
KillWait=5
MinJobAge=3600
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobs.txt
SlurmdParameters=config_overrides
{nodes}
PartitionName=cpu Nodes=cpu[1-2] Default=YES PriorityTier=1 DefaultTime=10
PartitionName=gpu Nodes=gpu[1-2] PriorityTier=1 DefaultTime=10
PartitionName=urgent Nodes=cpu[1-2],gpu[1-2] PriorityTier=10 DefaultTime=10
"""

NODE = (
    "NodeName={name} NodeAddr={address} CPUs={cpus} CoresPerSocket={cpus} ThreadsPerCore=1 "
    "RealMemory={memory_mib} Feature={feature}"
)


def slurm_conf(folder: Path) -> str:
    """slurm.conf of a cluster whose own files lie in `folder`; each node has all CPUs and memory of this machine."""
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    sizes = {"cpus": os.cpu_count(), "memory_mib": memory_mib}
    lines = [
        NODE.format(name=node.name, address=node.address, feature=node.feature, **sizes)
        + (f" Gres=gpu:{GPU_TYPE}:{node.gpus}" if node.gpus else "")
        for node in NODES
    ]
    return SLURM_CONF.format(controller=LOGIN.address, folder=folder, nodes="\n".join(lines))


def write_configuration(folder: Path) -> None:
    """Write what the machines of a cluster read: Slurm's files in etc/, hosts, munge's key, and the GPUs' devices."""
    for name in ("etc", "log", "state", "gpus"):
        (folder / name).mkdir(parents=True)
    devices = [folder / "gpus" / f"nvidia{index}" for index in range(GPUS)]
    for device in devices:
        os.mknod(device, stat.S_IFCHR | 0o666, Path(os.devnull).stat().st_rdev)
    gpus = f"NodeName=gpu[1-2] Name=gpu Type={GPU_TYPE} File={folder}/gpus/nvidia[0-{GPUS - 1}]\n"
    (folder / "etc" / "slurm.conf").write_text(slurm_conf(folder))
    (folder / "etc" / "gres.conf").write_text(gpus)
    (folder / "etc" / "cgroup.conf").write_text("CgroupAutomount=no\n")
    hosts = ["127.0.0.1 localhost", *(f"{each.address} {each.name}" for each in MACHINES)]
    (folder / "hosts").write_text("\n".join(hosts) + "\n")
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
