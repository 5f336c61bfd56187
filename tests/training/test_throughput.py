"""Operations per step and the share of a device's peak."""

import pytest
import torch
from torch import nn

from salgan.training.throughput import Meter


def test_a_convolutions_operations_are_counted_forward_and_backward():
    meter = Meter(peak=1e9)
    network = nn.Conv2d(4, 8, 3, padding=1)
    pictures = torch.rand(2, 4, 16, 16)
    with meter.watching("content", pictures=2):
        network(pictures).sum().backward()
    # 2 · 16² · 9 · 4 · 8 per picture forward, and as much again for the gradient of the kernel.
    assert meter.flops["content"] == 2 * (2 * 16**2 * 9 * 4 * 8)
    assert meter.share(100.0, ("content",)) == pytest.approx(100 * meter.flops["content"] / 1e9)


def test_only_the_first_step_of_a_kind_is_watched():
    meter = Meter(peak=1.0)
    for size in (8, 16):
        with meter.watching("content", pictures=1):
            nn.Linear(size, size)(torch.rand(1, size))
    assert meter.flops["content"] == 2 * 8 * 8


def test_turns_that_alternate_are_averaged():
    meter = Meter(peak=100.0)
    meter.flops = {"generator": 30.0, "discriminator": 10.0}
    assert meter.share(2.0, ("generator", "discriminator")) == pytest.approx(0.4)


def test_a_cpu_has_no_known_peak():
    meter = Meter.of_device(torch.device("cpu"), 1, "32-true")
    with meter.watching("content", pictures=1):
        nn.Linear(2, 2)(torch.rand(1, 2))
    assert meter.flops == {}
    assert meter.share(10.0, ("content",)) is None


def test_a_gpus_peak_is_the_published_one(monkeypatch):
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: "NVIDIA A100-SXM4-40GB")
    meter = Meter.of_device(torch.device("cuda"), 2, "bf16-mixed")
    assert meter.peak == 2 * 312e12


def test_an_h200s_peak_is_that_of_dense_matrices(monkeypatch):
    # Lightning does not know the card by this name; what it has for the others is for sparse matrices.
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: "NVIDIA H200")
    assert Meter.of_device(torch.device("cuda"), 1, "bf16-mixed").peak == 989.4e12


def test_an_unknown_gpu_has_no_peak_and_nobody_is_warned(monkeypatch, recwarn):
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: "Some Other Card")
    assert Meter.of_device(torch.device("cuda"), 1, "bf16-mixed").peak is None
    assert not recwarn.list
