"""The sizes that TensorRT engines are built for: the least, the best and the largest of what the graph leaves open.

That is the first size of every input, how many requests are computed at once, and any other, how many tokens they have.
Kernels are chosen for the best, and memory is kept for the largest. BLIP's published guide sends 16 tokens, and lets
Triton batch up to 8.
"""

BATCHES = (1, 4, 8)
TOKENS = (1, 16, 64)

Shape = tuple[int, ...]


def profile(sizes: Shape) -> tuple[Shape, ...] | None:
    """The least, the best and the largest shape of an input, -1 of its sizes being open; None where none is."""
    if -1 not in sizes:
        return None
    free = [BATCHES if place == 0 else TOKENS for place in range(len(sizes))]
    return tuple(tuple(free[place][k] if size == -1 else size for place, size in enumerate(sizes)) for k in range(3))
