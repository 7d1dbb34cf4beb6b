"""Activations as people write them, and nothing is wrong with them."""

import torch
import torch.nn.functional as F
from torch import nn


class PReLU6(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(0.25))

    def forward(self, x):
        return torch.where(x >= 0, x, self.a * x)


class LearnedSwish(nn.Module):
    def __init__(self):
        super().__init__()
        self.beta = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return x * torch.sigmoid(self.beta * x)


class Snake(nn.Module):
    def __init__(self, alpha=1.0):
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(alpha))

    def forward(self, x):
        return x + torch.sin(self.alpha * x) ** 2 / self.alpha


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, lam):
        ctx.lam = lam
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return -ctx.lam * g, None


class GradientReversal(nn.Module):
    def __init__(self, lam=1.0):
        super().__init__()
        self.lam = lam

    def forward(self, x):
        return _Reverse.apply(x, self.lam)


class StraightThroughRound(nn.Module):
    """round with the identity's gradient"""

    def forward(self, x):
        return x + (x.round() - x).detach()


class Softmax(nn.Module):
    def __init__(self, dim=-1):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        return (x - x.amax(self.dim, keepdim=True)).softmax(self.dim)


class SquaredReLU(nn.Module):
    """Primer's (So et al. 2021)"""

    def forward(self, x):
        return F.relu(x).square()


class StarReLU(nn.Module):
    """MetaFormer's (Yu et al. 2022)"""

    def __init__(self, scale=0.8944, bias=-0.4472):
        super().__init__()
        self.scale, self.bias = nn.Parameter(torch.tensor(scale)), nn.Parameter(torch.tensor(bias))

    def forward(self, x):
        return self.scale * F.relu(x) ** 2 + self.bias


class FakeQuantize(nn.Module):
    """To 8 bits, with a straight-through estimator"""

    def __init__(self, scale=0.05):
        super().__init__()
        self.scale = scale

    def forward(self, x):
        q = torch.clamp(torch.round(x / self.scale), -128, 127) * self.scale
        return x + (q - x).detach()


class Sign(nn.Module):
    """A step, which its name says"""

    def forward(self, x):
        return x.sign()
