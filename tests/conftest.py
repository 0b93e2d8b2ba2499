"""Settings of every test run."""

import torch

torch.set_num_threads(1)  # the tests' tensors are so small that threads only wait for each other
