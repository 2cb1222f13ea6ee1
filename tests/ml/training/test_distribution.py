"""Two processes on one CPU take the step that one takes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ml.training.distribution import ALONE, Processes

STEP = """
import sys
from pathlib import Path
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from ml.networks.embedder import EmbedderNetwork
from ml.training.distribution import joined
from ml.training.embedder.student import Student
from ml.training.losses import nt_xent, supervised_contrastive
from ml.training.precision import pick

torch.set_num_threads(1)
precision = pick("cpu", "off")


def step(processes):
    torch.manual_seed(0)
    student = Student(EmbedderNetwork("test_vit", (32, 32), 8), precision, classes=3).train()
    embed = student if processes.count == 1 else DistributedDataParallel(student)
    torch.manual_seed(1)
    views = torch.randint(0, 256, (9, 32, 32, 3), dtype=torch.uint8)  # 9: the shares are unequal
    answers = processes.gathered(embed(views[processes.own(9)], 2), 9)
    outputs, _, told = student.split(answers)
    vectors = F.normalize(outputs, dim=1)
    loss = nt_xent(vectors[:4], vectors[4:8]) + told.square().mean()
    loss = loss + supervised_contrastive(vectors, torch.tensor([0, 1, 0, 1, 2, 2, 0, 1, -1]))
    loss.backward()
    gradient = torch.cat([p.grad.flatten() for p in student.parameters()])
    assert processes.told(processes.rank) == 0
    assert processes.in_turn(lambda: processes.rank) == processes.rank
    name = f"{processes.count}-{processes.rank}.pt"
    torch.save([loss.detach(), gradient], Path(sys.argv[1]) / name)


# In a function, so that the network that spans the processes is gone before their group is: what
# outlives it ends some processes with SIGABRT on a busy machine.
with joined(precision.device) as processes:
    step(processes)
"""


def test_two_processes_have_the_loss_and_gradient_of_one(tmp_path: Path) -> None:
    script = tmp_path / "step.py"
    script.write_text(STEP)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for start in ([], launcher):
        done = subprocess.run(
            [sys.executable, *start, str(script), str(tmp_path)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=150,
        )
        assert done.returncode == 0, done.stderr
    loss, gradient = torch.load(tmp_path / "1-0.pt", weights_only=True)
    for rank in range(2):
        other_loss, other = torch.load(tmp_path / f"2-{rank}.pt", weights_only=True)
        assert float(other_loss) == pytest.approx(float(loss), rel=1e-6)
        assert (other - gradient).abs().max() < 1e-5 * gradient.abs().max()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_parts_are_the_whole(count: int) -> None:
    parts = [list(range(13))[Processes(rank, count).own(13)] for rank in range(count)]
    assert [place for part in parts for place in part] == list(range(13))
    assert [len(part) for part in parts] == Processes(0, count).sizes(13)


def test_alone_nothing_is_sent() -> None:
    rows = torch.zeros(3, 2)
    assert ALONE.gathered(rows, 3) is rows
    assert ALONE.told("x") == ALONE.in_turn(lambda: "x") == "x"
    assert ALONE.first
