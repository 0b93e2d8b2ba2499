"""What a step frees is there for the next one."""

import resource
import sys

import pytest
import torch

from penchant.fitting.memory import give_back_freed_memory, keep_freed_memory

LARGE = 1 << 20  # numbers, in 4 MB


def pages_fetched(steps: int) -> int:
    """Fetched from the system while tensors come and go."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        torch.stack([torch.ones(LARGE) for _ in range(4)]).sum()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is asked")
def test_that_tensors_of_a_step_take_the_place_of_the_last_ones() -> None:
    """32 MB come and go in every step: fetched anew each time they would be some 8,000 pages a step."""
    if not keep_freed_memory():
        pytest.skip("the C library is not glibc")
    pages_fetched(3)
    assert pages_fetched(10) < 20_000
    give_back_freed_memory()
