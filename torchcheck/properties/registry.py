"""The kinds of subjects, and what is asked of each."""

from torchcheck.properties.activation.activation import ACTIVATION
from torchcheck.properties.loss.loss import LOSS
from torchcheck.properties.module.attention import ATTENTION, LAYER
from torchcheck.properties.module.depth import BLOCK, MODEL
from torchcheck.properties.optimizer.optimizer import OPTIMIZER

REGISTRY = {
    "activation": ACTIVATION,
    "block": BLOCK,
    "layer": LAYER,
    "attention": ATTENTION,
    "optimizer": OPTIMIZER,
    "loss": LOSS,
    "model": MODEL,
}
