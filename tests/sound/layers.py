"""Layers of sequences with the channels first, cells, and layers between two sizes; nothing is wrong with them."""

import torch
import torch.nn.functional as F
from torch import nn


class CausalConv1d(nn.Module):
    """x of shape (batch, channels, length)"""

    def __init__(self, in_channels, out_channels, kernel_size=3, dilation=2):
        super().__init__()
        self.pad = (kernel_size - 1) * dilation
        self.conv = nn.Conv1d(in_channels, out_channels, kernel_size, dilation=dilation, padding=self.pad)

    def forward(self, x):
        return self.conv(x)[..., : x.shape[-1]]


class TemporalBlock(nn.Module):
    def __init__(self, channels, kernel_size=3, dilation=1, dropout=0.1):
        super().__init__()
        self.pad = (kernel_size - 1) * dilation
        self.c1 = nn.Conv1d(channels, channels, kernel_size, dilation=dilation)
        self.c2 = nn.Conv1d(channels, channels, kernel_size, dilation=dilation)
        self.bn1, self.bn2, self.drop = nn.BatchNorm1d(channels), nn.BatchNorm1d(channels), nn.Dropout(dropout)

    def forward(self, x):
        y = self.drop(F.relu(self.bn1(self.c1(F.pad(x, (self.pad, 0))))))
        y = self.drop(F.relu(self.bn2(self.c2(F.pad(y, (self.pad, 0))))))
        return F.relu(x + y)


class WaveNetBlock(nn.Module):
    def __init__(self, channels, dilation=2):
        super().__init__()
        self.d = dilation
        self.f, self.g = (nn.Conv1d(channels, channels, 2, dilation=dilation) for _ in range(2))
        self.out, self.skip = nn.Conv1d(channels, channels, 1), nn.Conv1d(channels, channels, 1)

    def forward(self, x):
        y = F.pad(x, (self.d, 0))
        y = torch.tanh(self.f(y)) * torch.sigmoid(self.g(y))
        return x + self.out(y), self.skip(y)


class ResidualUnit(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.net = nn.Sequential(
            nn.GroupNorm(8, channels),
            nn.SiLU(),
            nn.Conv1d(channels, channels, 3, padding=1),
            nn.GroupNorm(8, channels),
            nn.SiLU(),
            nn.Conv1d(channels, channels, 3, padding=1),
        )

    def forward(self, x):
        return x + self.net(x)


class Downsample(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv = nn.Conv1d(in_channels, out_channels, 4, stride=2, padding=1)

    def forward(self, x):
        return self.conv(x)


class ConvBNReLU(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size=3):
        super().__init__()
        self.conv, self.bn = (
            nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False),
            nn.BatchNorm2d(out_channels),
        )

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class LoRALinear(nn.Module):
    def __init__(self, in_features, out_features, rank=4, alpha=8):
        super().__init__()
        self.base = nn.Linear(in_features, out_features)
        self.base.weight.requires_grad_(False)
        self.base.bias.requires_grad_(False)
        self.A, self.B, self.s = (
            nn.Parameter(torch.randn(rank, in_features) / rank),
            nn.Parameter(torch.zeros(out_features, rank)),
            alpha / rank,
        )

    def forward(self, x):
        return self.base(x) + self.s * (x @ self.A.T @ self.B.T)


class LSTMCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x, self.h = nn.Linear(input_size, 4 * hidden_size), nn.Linear(hidden_size, 4 * hidden_size)

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.x(x) + self.h(h)).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, c


class GRUCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x, self.h = nn.Linear(input_size, 3 * hidden_size), nn.Linear(hidden_size, 3 * hidden_size)

    def forward(self, x, h):
        (xr, xz, xn), (hr, hz, hn) = self.x(x).chunk(3, -1), self.h(h).chunk(3, -1)
        r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
        return (1 - z) * torch.tanh(xn + r * hn) + z * h


class GaussianEncoder(nn.Module):
    def __init__(self, dim, latent=8):
        super().__init__()
        self.mu, self.logvar = nn.Linear(dim, latent), nn.Linear(dim, latent)

    def forward(self, x):
        mu, logvar = self.mu(x), self.logvar(x)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp() if self.training else mu
        return z, 0.5 * (logvar.exp() + mu**2 - 1 - logvar).sum(-1)


class BatchNorm(nn.Module):
    def __init__(self, num_features, momentum=0.1, eps=1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x):
        if self.training:
            mean, var = x.mean(0), x.var(0, unbiased=False)
            with torch.no_grad():
                self.running_mean.mul_(1 - self.momentum).add_(self.momentum * mean)
                self.running_var.mul_(1 - self.momentum).add_(self.momentum * var)
        else:
            mean, var = self.running_mean, self.running_var
        return (x - mean) / torch.sqrt(var + self.eps) * self.weight + self.bias


class ExpertChoiceMoE(nn.Module):
    """Experts choose tokens (Zhou et al. 2022)."""

    def __init__(self, dim, experts=4, capacity=2.0):
        super().__init__()
        self.gate = nn.Linear(dim, experts, bias=False)
        self.w1 = nn.Parameter(torch.randn(experts, dim, 2 * dim) * dim**-0.5)
        self.w2 = nn.Parameter(torch.randn(experts, 2 * dim, dim) * (2 * dim) ** -0.5)
        self.c = capacity

    def forward(self, x):
        b, n, d = x.shape
        e = self.w1.shape[0]
        w, i = self.gate(x).softmax(-1).transpose(1, 2).topk(max(1, int(self.c * n / e)), -1)
        g = torch.gather(x.unsqueeze(1).expand(-1, e, -1, -1), 2, i.unsqueeze(-1).expand(-1, -1, -1, d))
        y = F.gelu(g @ self.w1) @ self.w2 * w.unsqueeze(-1)
        return torch.zeros_like(x).scatter_add_(1, i.reshape(b, -1, 1).expand(-1, -1, d), y.reshape(b, -1, d))


class AdaLayerNorm(nn.Module):
    """Starts as a plain layer norm"""

    def __init__(self, dim):
        super().__init__()
        self.norm, self.mod = nn.LayerNorm(dim, elementwise_affine=False), nn.Linear(dim, 2 * dim)
        nn.init.zeros_(self.mod.weight)
        nn.init.zeros_(self.mod.bias)

    def forward(self, x, cond):
        scale, shift = self.mod(F.silu(cond)).unsqueeze(1).chunk(2, -1)
        return self.norm(x) * (1 + scale) + shift


class VectorQuantizer(nn.Module):
    """VQ-VAE's (van den Oord et al. 2017): the nearest codes, with the gradient of x, and the loss"""

    def __init__(self, dim, codes=16, beta=0.25):
        super().__init__()
        self.beta, self.codebook = beta, nn.Embedding(codes, dim)

    def forward(self, x):
        flat = x.reshape(-1, x.shape[-1])
        q = self.codebook(torch.cdist(flat, self.codebook.weight).argmin(-1)).view_as(x)
        loss = F.mse_loss(q.detach(), x) * self.beta + F.mse_loss(q, x.detach())
        return x + (q - x).detach(), loss


class SelectiveSSM(nn.Module):
    """A diagonal selective state space layer, causal (Gu and Dao 2023)."""

    def __init__(self, dim, state=8):
        super().__init__()
        self.A_log = nn.Parameter(torch.log(torch.arange(1, state + 1).float()).repeat(dim, 1))
        self.bc, self.dt, self.D = nn.Linear(dim, 2 * state), nn.Linear(dim, dim), nn.Parameter(torch.ones(dim))
        nn.init.constant_(self.dt.bias, -4.0)

    def forward(self, x):
        b, t, d = x.shape
        a, (bs, cs), dt = -torch.exp(self.A_log), self.bc(x).chunk(2, -1), F.softplus(self.dt(x))
        h, ys = x.new_zeros(b, d, a.shape[1]), []
        for i in range(t):
            h = torch.exp(dt[:, i, :, None] * a) * h + dt[:, i, :, None] * bs[:, i, None] * x[:, i, :, None]
            ys.append((h * cs[:, i, None]).sum(-1))
        return torch.stack(ys, 1) + x * self.D
