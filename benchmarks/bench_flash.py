"""FLASH against the PyPI package FLASH-pytorch: same weights, same output; time and peak memory on the CPU.

Both as the package defines them: layer norm before, residual around, relu²(Q K^T/c) inside chunks, Q K^T V/n (or,
causal, the sum of earlier chunks over c) between them. The package's position bias is set to 0, its weights are copied.
"""

from __future__ import annotations

import statistics

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from torchcheck.modules import FLASH
from torchcheck.modules.thirdparty import flash_pytorch
from torchcheck.probes.flash.cost import peak_memory, timed

WIDTH, CHUNK, SIZE, REPEATS = 256, 256, 128, 15


class Normed(nn.Module):
    """x + FLASH(LN(x)), with the weights of a layer of FLASH-pytorch."""

    def __init__(self, package: nn.Module, causal: bool) -> None:
        super().__init__()
        self.norm = package.norm
        self.layer = FLASH(WIDTH, 2 * WIDTH, SIZE, chunk=CHUNK, normaliser="n2", past="chunk", causal=causal, bias=True)
        hidden, shared, scale = package.to_hidden[0], package.to_qk[0], package.qk_offset_scale
        with torch.no_grad():
            values, gate = hidden.weight.chunk(2)
            self.layer.inner.weight.copy_(torch.cat([gate, values]))
            values, gate = hidden.bias.chunk(2)
            self.layer.inner.bias.copy_(torch.cat([gate, values]))
            self.layer.shared.load_state_dict(shared.state_dict())
            self.layer.outer.load_state_dict(package.to_out.state_dict())
            order = [0, 2, 1, 3]  # the package's images: quadratic q, linear q, quadratic k, linear k
            self.layer.gamma.copy_(scale.gamma[order])
            self.layer.beta.copy_(scale.beta[order])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layer(self.norm(x))


def main() -> None:
    table = Table("", "tokens", "theirs s", "ours s", "times faster", "theirs MiB", "ours MiB", "difference")
    for causal in (False, True):
        for n in (1024, 8192):
            for training in (True, False):
                torch.manual_seed(0)
                theirs = flash_pytorch(WIDTH, causal=causal, group_size=CHUNK, query_key_dim=SIZE)
                with torch.no_grad():
                    nn.init.normal_(theirs.qk_offset_scale.gamma)
                    theirs.rel_pos_bias.relative_attention_bias.weight.zero_()
                ours = Normed(theirs, causal)
                x = torch.randn(1, n, WIDTH)
                with torch.no_grad():
                    gap = float((theirs(x) - ours(x)).abs().max() / (theirs(x) - x).std())
                rows = []
                for model in (theirs, ours):

                    def call(model: nn.Module = model, x: Tensor = x, training: bool = training) -> None:
                        with torch.set_grad_enabled(training):
                            out = model(x)
                        if training:
                            out.sum().backward()
                            model.zero_grad()

                    call()
                    rows.append([call, peak_memory(call, x.device)])
                pairs = [[timed(call, 1, x.device)[0] for call, _ in rows] for _ in range(REPEATS)]  # in turn
                slow, fast = (statistics.median(column) for column in zip(*pairs, strict=True))
                ratio = statistics.median(a / b for a, b in pairs)
                kind = ("causal" if causal else "bidirectional") + (", training" if training else ", inference")
                table.add_row(
                    kind,
                    str(n),
                    f"{slow:.4f}",
                    f"{fast:.4f}",
                    f"{ratio:.2f}",
                    f"{rows[0][1] / 2**20:.0f}",
                    f"{rows[1][1] / 2**20:.0f}",
                    f"{gap:.1e}",
                )
    Console().print(table)


if __name__ == "__main__":
    main()
