"""The paper's experiment made again: its training runs, Table 1, Figures 1 and 3, the preprint's Figure 5.

Above the benchmark and training, which know nothing of each other: the runs are trained by the one and scored
by the other. What needs no training, such as drawing a finished experiment, needs no PyTorch either.
"""
