"""A small net, its data and closures, for the tests of the drop-in optimizers."""

import torch
from torch import nn

F64 = torch.float64


def small_net(dtype=F64, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1)).to(dtype)


def data(dtype=F64):
    made = torch.Generator().manual_seed(3)
    x = torch.randn(20, 3, generator=made, dtype=F64).to(dtype)
    return x, x.abs().sum(1, keepdim=True)


def closure_of(net, optimizer, batch=None):
    x, y = batch or data(next(net.parameters()).dtype)

    def closure(backward=True):
        optimizer.zero_grad()
        loss = (net(x) - y).abs().mean()
        if backward:
            loss.backward()
        return loss

    return closure


def vector(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def trained(make, steps, dtype=F64):
    net = small_net(dtype)
    optimizer = make(net.parameters())
    closure = closure_of(net, optimizer)
    for _ in range(steps):
        optimizer.step(closure)
    return vector(net)


def crease(x):
    return 3 * x[..., 0].abs() + (x[..., 1] - x[..., 0] ** 2).abs() + 0.1 * x[..., 1] ** 2


def checkpoint_steps(optimizer, net, steps):
    closure = closure_of(net, optimizer)
    for _ in range(steps):
        optimizer.step(closure)
