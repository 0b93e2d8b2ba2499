"""What a step frees is there for the next one: what the C library is asked, in the numbers of its malloc.h."""

import pytest

from penchant.fitting import memory
from penchant.fitting.memory import give_back_freed_memory, keep_freed_memory


class Library:
    """A glibc that remembers what it was asked."""

    def __init__(self, answer: int = 1) -> None:
        self.answer, self.asked = answer, []

    def mallopt(self, name: int, value: int) -> int:
        self.asked.append((name, value))
        return self.answer

    def malloc_trim(self, pad: int) -> int:
        self.asked.append(("trim", pad))
        return 1


def test_that_large_blocks_are_kept_and_given_back_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """M_MMAP_THRESHOLD is -3 and at most 32 MiB on 64 bits; M_TRIM_THRESHOLD is -1."""
    library = Library()
    monkeypatch.setattr(memory, "_glibc", lambda: library)
    assert keep_freed_memory()
    give_back_freed_memory()
    assert library.asked == [(-3, 33_554_432), (-1, 536_870_912), ("trim", 0)]


def test_that_a_refusal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_glibc", lambda: Library(answer=0))
    assert not keep_freed_memory()


def test_that_nothing_happens_without_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    assert not keep_freed_memory()
    give_back_freed_memory()


def test_that_this_machine_can_be_asked() -> None:
    assert keep_freed_memory() == (memory._glibc() is not None)
    give_back_freed_memory()
