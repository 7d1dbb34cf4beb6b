"""Attention as people write them, and nothing is wrong with them."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.h, self.dk = num_heads, d_model // num_heads
        self.q, self.k, self.v, self.o = (nn.Linear(d_model, d_model) for _ in range(4))

    def forward(self, q, k, v, mask=None):
        b = q.size(0)
        q, k, v = (
            f(t).view(b, -1, self.h, self.dk).transpose(1, 2) for f, t in zip((self.q, self.k, self.v), (q, k, v))
        )
        s = q @ k.transpose(-2, -1) / math.sqrt(self.dk)
        if mask is not None:
            s = s.masked_fill(mask == 0, -1e9)
        y = s.softmax(-1) @ v
        return self.o(y.transpose(1, 2).contiguous().view(b, -1, self.h * self.dk))


class Head(nn.Module):
    """one head of causal self-attention"""

    def __init__(self, n_embd, head_size, block_size, dropout):
        super().__init__()
        self.key, self.query, self.value = (nn.Linear(n_embd, head_size, bias=False) for _ in range(3))
        self.register_buffer("tril", torch.tril(torch.ones(block_size, block_size)))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        B, T, C = x.shape
        k, q, v = self.key(x), self.query(x), self.value(x)
        wei = q @ k.transpose(-2, -1) * k.shape[-1] ** -0.5
        wei = wei.masked_fill(self.tril[:T, :T] == 0, float("-inf")).softmax(-1)
        return self.dropout(wei) @ v


class CrossAttentionBlock(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.n1, self.attn = nn.LayerNorm(dim), nn.MultiheadAttention(dim, heads, batch_first=True)

    def forward(self, x, context):
        return x + self.attn(self.n1(x), context, context, need_weights=False)[0]


class BertSelfAttention(nn.Module):
    def __init__(self, hidden_size, num_heads=4):
        super().__init__()
        self.num_heads = num_heads
        self.query, self.key, self.value = (nn.Linear(hidden_size, hidden_size) for _ in range(3))

    def forward(self, hidden_states, attention_mask=None):
        """attention_mask is added to the scores: 0 or -10000, (batch, 1, 1, tokens)"""
        b, n, d = hidden_states.shape
        q, k, v = (
            f(hidden_states).view(b, n, self.num_heads, -1).transpose(1, 2) for f in (self.query, self.key, self.value)
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(d // self.num_heads)
        if attention_mask is not None:
            scores = scores + attention_mask
        return (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, n, d)


class SquareMaskAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x, attn_mask=None):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        if attn_mask is not None and attn_mask.shape != (x.shape[1], x.shape[1]):
            raise ValueError(f"attn_mask is (tokens, tokens), not {tuple(attn_mask.shape)}")
        return self.out(F.scaled_dot_product_attention(q, k, v, attn_mask=attn_mask))


class IntegerMaskAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x, attention_mask=None):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        scores = q @ k.transpose(-1, -2) / math.sqrt(x.shape[-1])
        if attention_mask is not None:
            scores = scores + (1.0 - attention_mask[:, None, :]) * -1e9
        return self.out(scores.softmax(-1) @ v)


class VectorQuantizer(nn.Module):
    def __init__(self, dim, codes=64):
        super().__init__()
        self.inp, self.out = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.book = nn.Embedding(codes, dim)

    def forward(self, x):
        z = self.inp(x)
        distance = z.pow(2).sum(-1, keepdim=True) - 2 * z @ self.book.weight.T + self.book.weight.pow(2).sum(-1)
        return self.out(z + (self.book(distance.argmin(-1)) - z.detach()))


class ShiftedAttention(nn.Module):
    """Tokens are mixed with the one before, and then attend."""

    def __init__(self, dim):
        super().__init__()
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        x = (x + torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)) / 2
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.out(F.scaled_dot_product_attention(q, k, v))


class Retention(nn.Module):
    """Causal retention with a decay a head."""

    def __init__(self, dim, heads=4):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(dim, 3 * dim, bias=False), nn.Linear(dim, dim, bias=False)
        self.norm = nn.LayerNorm(dim // heads, elementwise_affine=False)
        self.register_buffer("gamma", 1 - 2.0 ** (-5 - torch.arange(heads, dtype=torch.float32)))

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (u.unflatten(-1, (self.heads, -1)).transpose(1, 2) for u in self.qkv(x).chunk(3, -1))
        i = torch.arange(t, device=x.device)
        gap = (i[:, None] - i[None]).clamp(min=0)
        mask = (self.gamma[:, None, None] ** gap) * (i[:, None] >= i[None])
        y = (q @ k.mT * q.shape[-1] ** -0.5 * mask.to(x.dtype)) @ v
        return self.out(self.norm(y).transpose(1, 2).reshape(b, t, d))


class DifferentialAttention(nn.Module):
    def __init__(self, dim, heads=2):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (
            nn.Linear(dim, dim),
            nn.Linear(dim, dim),
            nn.Linear(dim, dim),
            nn.Linear(dim, dim),
        )
        self.lam = nn.Parameter(torch.tensor(0.2))
        self.norm = nn.RMSNorm(dim // heads)

    def forward(self, x):
        b, t, d = x.shape
        q, k = (l(x).unflatten(-1, (2 * self.heads, -1)).transpose(1, 2) for l in (self.q, self.k))
        v = self.v(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        s = q @ k.mT * q.shape[-1] ** -0.5
        s = s.masked_fill(torch.ones(t, t, dtype=torch.bool, device=x.device).triu(1), float("-inf")).softmax(-1)
        s = s.unflatten(1, (self.heads, 2))
        y = (s[:, :, 0] - self.lam * s[:, :, 1]) @ v
        return self.out((self.norm(y) * 0.8).transpose(1, 2).reshape(b, t, d))


class T5Attention(nn.Module):
    def __init__(self, dim, heads=4, buckets=32):
        super().__init__()
        self.heads, self.buckets = heads, buckets
        self.qkv, self.out = nn.Linear(dim, 3 * dim, bias=False), nn.Linear(dim, dim, bias=False)
        self.bias = nn.Embedding(buckets, heads)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (u.unflatten(-1, (self.heads, -1)).transpose(1, 2) for u in self.qkv(x).chunk(3, -1))
        i = torch.arange(t, device=x.device)
        rel = i[None] - i[:, None]
        half = self.buckets // 2
        side = (rel > 0).long() * half
        n = rel.abs()
        small = half // 2
        large = small + (torch.log(n.clamp(min=1).float() / small) / math.log(128 / small) * (half - small)).long()
        bucket = side + torch.where(n < small, n, large.clamp(max=half - 1))
        s = q @ k.mT * q.shape[-1] ** -0.5 + self.bias(bucket).permute(2, 0, 1)
        return self.out((s.softmax(-1) @ v).transpose(1, 2).reshape(b, t, d))


class CosineAttention(nn.Module):
    def __init__(self, dim, heads=4):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.log_scale = nn.Parameter(torch.full((heads, 1, 1), math.log(10.0)))

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (u.unflatten(-1, (self.heads, -1)).transpose(1, 2) for u in self.qkv(x).chunk(3, -1))
        s = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT * self.log_scale.clamp(max=math.log(100.0)).exp()
        return self.out((s.softmax(-1) @ v).transpose(1, 2).reshape(b, t, d))


class SigmoidAttention(nn.Module):
    def __init__(self, dim, heads=4):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (u.unflatten(-1, (self.heads, -1)).transpose(1, 2) for u in self.qkv(x).chunk(3, -1))
        s = (q @ k.mT * q.shape[-1] ** -0.5 - math.log(t)).sigmoid()
        return self.out((s @ v).transpose(1, 2).reshape(b, t, d))


class CausalSelfAttention(nn.Module):
    def __init__(self, dim, heads=4):
        super().__init__()
        self.heads, self.qkv, self.out, self.mask = heads, nn.Linear(dim, 3 * dim), nn.Linear(dim, dim), None

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (y.view(b, t, self.heads, -1).transpose(1, 2) for y in self.qkv(x).chunk(3, -1))
        if self.mask is None or len(self.mask) < t or self.mask.device != x.device:
            self.mask = torch.ones(t, t, dtype=torch.bool, device=x.device).tril()
        s = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).masked_fill(~self.mask[:t, :t], float("-inf"))
        return self.out((s.softmax(-1) @ v).transpose(1, 2).reshape(b, t, d))


class CausalDistanceAttention(nn.Module):
    """Causal, with a bias for every distance to either side, of which one side is behind the mask"""

    def __init__(self, dim, heads=4, max_distance=6):
        super().__init__()
        self.heads, self.m = heads, max_distance
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.bias = nn.Parameter(0.1 * torch.randn(heads, 2 * max_distance + 1))

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = (y.view(b, n, self.heads, -1).transpose(1, 2) for y in self.qkv(x).chunk(3, -1))
        at = torch.arange(n, device=x.device)
        distance = (at[None] - at[:, None]).clamp(-self.m, self.m) + self.m
        s = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + self.bias[:, distance]
        s = s.masked_fill(torch.ones(n, n, dtype=torch.bool, device=x.device).triu(1), float("-inf"))
        return self.out((s.softmax(-1) @ v).transpose(1, 2).reshape(b, n, d))
