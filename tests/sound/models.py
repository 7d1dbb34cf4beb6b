"""Models as people write them, and nothing is wrong with them."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.sound.blocks import GPTBlock


class BigramGPT(nn.Module):
    def __init__(self, vocab_size, n_embd, n_head, n_layer, block_size):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab_size, n_embd), nn.Embedding(block_size, n_embd)
        self.blocks = nn.Sequential(*[GPTBlock(n_embd, n_head, block_size) for _ in range(n_layer)])
        self.ln_f, self.lm_head = nn.LayerNorm(n_embd), nn.Linear(n_embd, vocab_size)
        for m in self.modules():
            if isinstance(m, (nn.Linear, nn.Embedding)):
                nn.init.normal_(m.weight, 0.0, 0.02)
                if isinstance(m, nn.Linear) and m.bias is not None:
                    nn.init.zeros_(m.bias)

    def forward(self, idx, targets=None):
        B, T = idx.shape
        x = self.tok(idx) + self.pos(torch.arange(T, device=idx.device))
        logits = self.lm_head(self.ln_f(self.blocks(x)))
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.view(B * T, -1), targets.view(-1))


class TextClassifier(nn.Module):
    def __init__(self, vocab_size, embed_dim, num_classes):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, embed_dim, padding_idx=0)
        self.lstm = nn.LSTM(embed_dim, embed_dim, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * embed_dim, num_classes)

    def forward(self, input_ids, attention_mask=None):
        m = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        n = m.sum(1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(self.emb(input_ids), n, batch_first=True, enforce_sorted=False)
        out, (h, _) = self.lstm(packed)
        return self.fc(torch.cat([h[0], h[1]], -1))


class ViT(nn.Module):
    def __init__(self, image_size=32, patch=8, dim=128, depth=4, heads=4, num_classes=10):
        super().__init__()
        self.patch = nn.Conv2d(3, dim, patch, patch)
        self.cls = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.pos = nn.Parameter(torch.randn(1, (image_size // patch) ** 2 + 1, dim) * 0.02)
        layer = lambda: nn.TransformerEncoderLayer(dim, heads, 4 * dim, 0.1, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.ModuleList([layer() for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, num_classes)

    def forward(self, x):
        t = self.patch(x).flatten(2).transpose(1, 2)
        t = torch.cat([self.cls.expand(len(t), -1, -1), t], 1) + self.pos
        for l in self.layers:
            t = l(t)
        return self.head(self.norm(t)[:, 0])


class AttentionPooling(nn.Module):
    def __init__(self, hidden_size):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(hidden_size, hidden_size), nn.Tanh(), nn.Linear(hidden_size, 1))

    def forward(self, last_hidden_state, attention_mask):
        w = self.score(last_hidden_state).squeeze(-1)
        w = w.masked_fill(attention_mask == 0, float("-inf")).softmax(-1)
        return (w.unsqueeze(-1) * last_hidden_state).sum(1)


class MeanPooling(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.proj = nn.Linear(dim, dim)

    def forward(self, x, mask):
        m = mask.unsqueeze(-1).to(x.dtype)
        return self.proj((x * m).sum(1) / m.sum(1).clamp(min=1e-9))


class MLP(nn.Module):
    def __init__(self, dim, depth=3):
        super().__init__()
        self.inp = nn.Linear(dim, dim)
        self.layers = nn.ModuleList([nn.Linear(dim, dim) for _ in range(depth)])

    def forward(self, x):
        x = self.inp(x)
        for layer in self.layers:
            x = layer(F.relu(x))
        return x


class ViTEmbeddings(nn.Module):
    """Patches of an image, a class token before them, and positions"""

    def __init__(self, image_size=32, patch_size=8, dim=32):
        super().__init__()
        n = (image_size // patch_size) ** 2
        self.proj = nn.Conv2d(3, dim, patch_size, patch_size)
        self.cls = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.pos = nn.Parameter(torch.randn(1, n + 1, dim) * 0.02)

    def forward(self, image):
        x = self.proj(image).flatten(2).transpose(1, 2)
        return torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.pos


class NormedEmbedding(nn.Module):
    """Rows of a table, of norm 1 at most"""

    def __init__(self, num_embeddings, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_embeddings, dim))

    def forward(self, tokens):
        rows = self.weight[tokens]
        return rows / rows.norm(dim=-1, keepdim=True).clamp(min=1)


class TokenEmbedding(nn.Module):
    """The padding token, 0, is a vector of zeros"""

    def __init__(self, vocab_size, dim):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, dim, padding_idx=0)

    def forward(self, tokens):
        return self.emb(tokens)
