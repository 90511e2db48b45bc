import pytest

from cotejo.errors import is_out_of_memory, last_line


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 4 bytes."), True),
        (RuntimeError("Failed to allocate memory for requested buffer of size 268435456"), True),
        (RuntimeError("can't alloc"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 39.59 GiB in all"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("shapes do not match"), False),
    ],
)
def test_out_of_memory_is_told_from_other_errors(error, expected):
    assert is_out_of_memory(error) is expected


def test_the_last_line_says_the_kind_too():
    assert last_line(KeyError("x")) == "KeyError: 'x'"
    assert last_line(ValueError()) == "ValueError"
    assert last_line(ValueError("a\nb \n")) == "ValueError: b"
