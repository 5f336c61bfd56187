"""Convolutions by NumPy alone, as an independent check of those in PyTorch."""

import numpy as np


def correlate(x, W):
    """y[o, r, c] = sum of W[o, i, u, v] x[i, r + u - k, c + v - k], zeros around x; k is half of W's size."""
    size = W.shape[-1]
    padded = np.pad(x, ((0, 0), (size // 2,) * 2, (size // 2,) * 2))
    rows, columns = x.shape[1:]
    return sum(
        np.tensordot(W[:, :, u, v], padded[:, u : u + rows, v : v + columns], 1)
        for u in range(size)
        for v in range(size)
    )
