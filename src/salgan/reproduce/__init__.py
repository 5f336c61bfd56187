"""The paper's experiment reproduced: its training runs, Table 1, Figures 1 and 3, the preprint's Figure 5.

This package sits above evaluation and training, which know nothing of each other: training makes the runs and
evaluation scores them. Whatever needs no training, such as drawing a finished experiment, needs no PyTorch.
"""
