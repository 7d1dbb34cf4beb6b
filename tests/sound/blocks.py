"""Blocks and layers as people write them, and nothing is wrong with them."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.sound.attention import Head, MultiHeadAttention


class PositionWiseFeedForward(nn.Module):
    def __init__(self, d_model, d_ff):
        super().__init__()
        self.fc1, self.fc2, self.relu = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model), nn.ReLU()

    def forward(self, x):
        return self.fc2(self.relu(self.fc1(x)))


class EncoderLayer(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout):
        super().__init__()
        self.self_attn = MultiHeadAttention(d_model, num_heads)
        self.feed_forward = PositionWiseFeedForward(d_model, d_ff)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, mask):
        x = self.norm1(x + self.dropout(self.self_attn(x, x, x, mask)))
        return self.norm2(x + self.dropout(self.feed_forward(x)))


class DecoderLayer(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout):
        super().__init__()
        self.self_attn = MultiHeadAttention(d_model, num_heads)
        self.cross_attn = MultiHeadAttention(d_model, num_heads)
        self.feed_forward = PositionWiseFeedForward(d_model, d_ff)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(d_model), nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, enc_output, src_mask, tgt_mask):
        x = self.norm1(x + self.dropout(self.self_attn(x, x, x, tgt_mask)))
        x = self.norm2(x + self.dropout(self.cross_attn(x, enc_output, enc_output, src_mask)))
        return self.norm3(x + self.dropout(self.feed_forward(x)))


class GPTBlock(nn.Module):
    def __init__(self, n_embd, n_head, block_size):
        super().__init__()
        hs = n_embd // n_head
        self.sa = nn.ModuleList([Head(n_embd, hs, block_size, 0.1) for _ in range(n_head)])
        self.proj = nn.Linear(n_embd, n_embd)
        self.ffwd = nn.Sequential(
            nn.Linear(n_embd, 4 * n_embd), nn.GELU(), nn.Linear(4 * n_embd, n_embd), nn.Dropout(0.1)
        )
        self.ln1, self.ln2 = nn.LayerNorm(n_embd), nn.LayerNorm(n_embd)

    def forward(self, x):
        h = self.ln1(x)
        x = x + self.proj(torch.cat([s(h) for s in self.sa], -1))
        return x + self.ffwd(self.ln2(x))


class RMSNorm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.eps, self.weight = eps, nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return (
            (x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + self.eps)).type_as(x) * self.weight
            if x.dtype != torch.float64
            else x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight
        )


class SwiGLU(nn.Module):
    def __init__(self, dim, hidden_dim):
        super().__init__()
        self.w1, self.w2, self.w3 = (
            nn.Linear(dim, hidden_dim, bias=False),
            nn.Linear(hidden_dim, dim, bias=False),
            nn.Linear(dim, hidden_dim, bias=False),
        )

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class LlamaBlock(nn.Module):
    def __init__(self, dim, n_heads, n_kv_heads):
        super().__init__()
        self.nh, self.nkv, self.hd = n_heads, n_kv_heads, dim // n_heads
        self.wq, self.wo = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim, bias=False)
        self.wk, self.wv = (
            nn.Linear(dim, n_kv_heads * self.hd, bias=False),
            nn.Linear(dim, n_kv_heads * self.hd, bias=False),
        )
        self.n1, self.n2, self.ff = nn.RMSNorm(dim), nn.RMSNorm(dim), SwiGLU(dim, 4 * dim)

    def rope(self, x):
        t = x.shape[2]
        f = 1.0 / 10000 ** (torch.arange(0, self.hd, 2, device=x.device).double() / self.hd)
        a = torch.outer(torch.arange(t, device=x.device).double(), f)
        c, s = a.cos().to(x.dtype), a.sin().to(x.dtype)
        x1, x2 = x[..., ::2], x[..., 1::2]
        return torch.stack([x1 * c - x2 * s, x1 * s + x2 * c], -1).flatten(-2)

    def forward(self, x):
        b, t, d = x.shape
        h = self.n1(x)
        q = self.wq(h).view(b, t, self.nh, self.hd).transpose(1, 2)
        k = self.wk(h).view(b, t, self.nkv, self.hd).transpose(1, 2)
        v = self.wv(h).view(b, t, self.nkv, self.hd).transpose(1, 2)
        k, v = (y.repeat_interleave(self.nh // self.nkv, 1) for y in (k, v))
        y = F.scaled_dot_product_attention(self.rope(q), self.rope(k), v, is_causal=True)
        x = x + self.wo(y.transpose(1, 2).reshape(b, t, d))
        return x + self.ff(self.n2(x))


class BasicBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.c2, self.b2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)

    def forward(self, x):
        return F.relu(x + self.b2(self.c2(F.relu(self.b1(self.c1(x))))))


class SEBlock(nn.Module):
    def __init__(self, channels, reduction=16):
        super().__init__()
        self.fc1, self.fc2 = (
            nn.Conv2d(channels, channels // reduction, 1),
            nn.Conv2d(channels // reduction, channels, 1),
        )

    def forward(self, x):
        s = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(s))))


class ConvNeXtBlock(nn.Module):
    def __init__(self, dim, drop_path):
        super().__init__()
        self.dw = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm, self.p1, self.p2 = nn.LayerNorm(dim, eps=1e-6), nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        self.gamma, self.drop_path = nn.Parameter(torch.full((dim,), 0.1)), drop_path

    def forward(self, x):
        y = self.dw(x).permute(0, 2, 3, 1)
        y = (self.gamma * self.p2(F.gelu(self.p1(self.norm(y))))).permute(0, 3, 1, 2)
        if self.training and self.drop_path > 0:
            keep = 1 - self.drop_path
            y = y * (torch.rand(x.shape[0], 1, 1, 1, device=x.device) < keep).to(y.dtype) / keep
        return x + y


class TimeEmbeddingBlock(nn.Module):
    """Residual block of a diffusion model, conditioned on time."""

    def __init__(self, channels):
        super().__init__()
        self.t = nn.Sequential(nn.Linear(1, channels), nn.SiLU(), nn.Linear(channels, channels))
        self.norm, self.up, self.down = (
            nn.LayerNorm(channels),
            nn.Linear(channels, 4 * channels),
            nn.Linear(4 * channels, channels),
        )

    def forward(self, x, t):
        return x + self.down(F.silu(self.up(self.norm(x) + self.t(t[:, None])[:, None])))


class DiTBlock(nn.Module):
    def __init__(self, hidden_size, num_heads, mlp_ratio=4.0):
        super().__init__()
        self.n1, self.n2 = (
            nn.LayerNorm(hidden_size, elementwise_affine=False),
            nn.LayerNorm(hidden_size, elementwise_affine=False),
        )
        self.attn = nn.MultiheadAttention(hidden_size, num_heads, batch_first=True)
        m = int(hidden_size * mlp_ratio)
        self.mlp = nn.Sequential(nn.Linear(hidden_size, m), nn.GELU(), nn.Linear(m, hidden_size))
        self.ada = nn.Sequential(nn.SiLU(), nn.Linear(hidden_size, 6 * hidden_size))

    def forward(self, x, c):
        s1, g1, b1, s2, g2, b2 = (t[:, None] for t in self.ada(c).chunk(6, -1))
        h = self.n1(x) * (1 + g1) + s1
        x = x + b1 * self.attn(h, h, h, need_weights=False)[0]
        return x + b2 * self.mlp(self.n2(x) * (1 + g2) + s2)


class MLPMixerBlock(nn.Module):
    def __init__(self, dim, num_patches=12):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.tok = nn.Sequential(nn.Linear(num_patches, 64), nn.GELU(), nn.Linear(64, num_patches))
        self.ch = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x):
        x = x + self.tok(self.n1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.ch(self.n2(x))


class GCNLayer(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.lin = nn.Linear(dim, dim)

    def forward(self, x, adj):
        return F.relu(self.lin(adj @ x))


class ExpertMLP(nn.Module):
    """Mixture of experts, top 2."""

    def __init__(self, dim, num_experts=4, top_k=2):
        super().__init__()
        self.gate = nn.Linear(dim, num_experts, bias=False)
        self.experts = nn.ModuleList(
            [nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)) for _ in range(num_experts)]
        )
        self.k = top_k

    def forward(self, x):
        w, i = self.gate(x).softmax(-1).topk(self.k, -1)
        w = w / w.sum(-1, keepdim=True)
        y = torch.zeros_like(x)
        for e, f in enumerate(self.experts):
            share = (w * (i == e)).sum(-1, keepdim=True)
            y = y + share * f(x)
        return y


class S4DLayer(nn.Module):
    """Causal diagonal state space layer, by a scan."""

    def __init__(self, d_model, state=8):
        super().__init__()
        self.a = nn.Parameter(torch.rand(d_model, state) + 0.5)
        self.b, self.c = (
            nn.Parameter(torch.randn(d_model, state) * 0.3),
            nn.Parameter(torch.randn(d_model, state) * 0.3),
        )
        self.d = nn.Parameter(torch.ones(d_model))

    def forward(self, x):
        h = x.new_zeros(x.shape[0], x.shape[2], self.a.shape[1])
        ys = []
        for t in range(x.shape[1]):
            h = torch.exp(-self.a) * h + self.b * x[:, t, :, None]
            ys.append((h * self.c).sum(-1))
        return torch.stack(ys, 1) + self.d * x


class LoRALinear(nn.Module):
    """Its first matrix has no gradient until the second has moved."""

    def __init__(self, dim, r=8, alpha=16):
        super().__init__()
        self.base = nn.Linear(dim, dim)
        self.base.requires_grad_(False)
        self.a, self.b = nn.Parameter(torch.randn(dim, r) / r), nn.Parameter(torch.zeros(r, dim))
        self.s = alpha / r

    def forward(self, x):
        return self.base(x) + self.s * (x @ self.a @ self.b)


class SwitchFFN(nn.Module):
    """A mixture of experts that takes the best one."""

    def __init__(self, dim, experts=4):
        super().__init__()
        self.gate = nn.Linear(dim, experts, bias=False)
        self.up = nn.Parameter(torch.randn(experts, dim, 2 * dim) / dim**0.5)
        self.down = nn.Parameter(torch.randn(experts, 2 * dim, dim) / (2 * dim) ** 0.5)

    def forward(self, x):
        top, e = self.gate(x).softmax(-1).max(-1)
        h = F.gelu(torch.einsum("btd,btdf->btf", x, self.up[e]))
        return top[..., None] * torch.einsum("btf,btfd->btd", h, self.down[e])


class FNetBlock(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x):
        x = x + torch.fft.fftn(self.n1(x), dim=(1, 2), norm="ortho").real
        return x + self.mlp(self.n2(x))


class WindowAttention(nn.Module):
    """Attention within windows of 8 tokens."""

    def __init__(self, dim, num_heads, window=8):
        super().__init__()
        self.h, self.w = num_heads, window
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        b, t, d = x.shape
        pad = -t % self.w
        y = F.pad(x, (0, 0, 0, pad)).view(-1, self.w, d)
        n = len(y)
        q, k, v = self.qkv(y).view(n, self.w, 3, self.h, d // self.h).permute(2, 0, 3, 1, 4)
        s = q @ k.transpose(-1, -2) / math.sqrt(d // self.h)
        live = (torch.arange(t + pad, device=x.device) < t).view(-1, self.w).repeat(b, 1)
        y = (s.masked_fill(~live[:, None, None], float("-inf")).softmax(-1) @ v).transpose(1, 2).reshape(b, t + pad, d)
        return self.proj(y[:, :t])


class BatchNormMLP(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)
        self.bn1, self.bn2 = nn.BatchNorm1d(2 * dim), nn.BatchNorm1d(dim, momentum=None)

    def forward(self, x):
        y = self.bn1(self.fc1(x).transpose(1, 2)).transpose(1, 2).relu()
        return x + self.bn2(self.fc2(y).transpose(1, 2)).transpose(1, 2)


class ActNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(dim)), nn.Parameter(torch.zeros(dim))
        self.register_buffer("initialised", torch.tensor(False))

    def forward(self, x):
        if self.training and not self.initialised:
            with torch.no_grad():
                self.shift.copy_(-x.mean((0, 1)))
                self.scale.copy_(1 / (x.std((0, 1)) + 1e-6))
                self.initialised.fill_(True)
        return (x + self.shift) * self.scale


class AffineCoupling(nn.Module):
    """RealNVP"""

    def __init__(self, dim):
        super().__init__()
        self.half = dim // 2
        self.net = nn.Sequential(nn.Linear(self.half, 64), nn.Tanh(), nn.Linear(64, 2 * (dim - self.half)))

    def forward(self, x):
        a, b = x[..., : self.half], x[..., self.half :]
        s, t = self.net(a).chunk(2, -1)
        s = s.tanh()
        return torch.cat((a, b * s.exp() + t), -1), s.sum(-1)

    def inverse(self, y):
        a, b = y[..., : self.half], y[..., self.half :]
        s, t = self.net(a).chunk(2, -1)
        s = s.tanh()
        return torch.cat((a, (b - t) * (-s).exp()), -1)


class FiLM(nn.Module):
    def __init__(self, dim, cond_dim):
        super().__init__()
        self.proj = nn.Linear(cond_dim, 2 * dim)

    def forward(self, x, cond):
        g, b = self.proj(cond).chunk(2, -1)
        return x * (1 + g[:, None]) + b[:, None]


class ReversibleBlock(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.f = nn.Sequential(
            nn.LayerNorm(dim // 2), nn.Linear(dim // 2, dim // 2), nn.GELU(), nn.Linear(dim // 2, dim // 2)
        )
        self.g = nn.Sequential(
            nn.LayerNorm(dim // 2), nn.Linear(dim // 2, dim // 2), nn.GELU(), nn.Linear(dim // 2, dim // 2)
        )

    def forward(self, x):
        a, b = x.chunk(2, -1)
        a = a + self.f(b)
        b = b + self.g(a)
        return torch.cat((a, b), -1)


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, reduction=4):
        super().__init__()
        self.down, self.up = nn.Linear(channels, channels // reduction), nn.Linear(channels // reduction, channels)

    def forward(self, x):
        s = self.up(F.relu(self.down(x.mean((2, 3))))).sigmoid()
        return x * s[:, :, None, None]


class TimestepEmbedding(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim, self.mlp = dim, nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, t):
        half = self.dim // 2
        f = torch.exp(-math.log(10000.0) * torch.arange(half, device=t.device, dtype=torch.float32) / half)
        a = t.float()[:, None] * f
        return self.mlp(torch.cat((a.sin(), a.cos()), -1).to(self.mlp[0].weight.dtype))


class DroppedBranch(nn.Module):
    def __init__(self, dim, drop_path=0.1):
        super().__init__()
        self.norm, self.lin, self.drop_path = nn.LayerNorm(dim), nn.Linear(dim, dim), drop_path

    def forward(self, x):
        y = self.lin(self.norm(x))
        if self.training and self.drop_path > 0:
            keep = 1 - self.drop_path
            y = y * torch.floor(keep + torch.rand(x.shape[0], 1, 1, dtype=x.dtype, device=x.device)) / keep
        return x + y
