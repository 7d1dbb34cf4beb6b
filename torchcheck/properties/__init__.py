"""What a sound variant has, kind by kind, and the check that tells whether yours has it."""

from torchcheck.properties.activation import ACTIVATION
from torchcheck.properties.attention import ATTENTION, LAYER
from torchcheck.properties.depth import BLOCK, MODEL
from torchcheck.properties.loss import LOSS
from torchcheck.properties.optimizer import OPTIMIZER

#: the kinds of subjects, and what is asked of each
REGISTRY = {
    "activation": ACTIVATION,
    "block": BLOCK,
    "layer": LAYER,
    "attention": ATTENTION,
    "optimizer": OPTIMIZER,
    "loss": LOSS,
    "model": MODEL,
}
