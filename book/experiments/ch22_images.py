"""A study for *Sequence tasks*: an image as one vector or as eight rows, each model trained to its plateau.

The images are real, those of scikit-learn. Split, rates and stopping are those of the study of spelling.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from book.experiments.ch22_sequence_tasks import SequenceClassifier
from book.experiments.ch22_spelling import LIMITS, fingerprint
from book.experiments.ch23_reach_and_readout import NOTES, RATES, learn, named, share
from rnncourse.studies import Study
from rnncourse.training import set_seed


@dataclass(frozen=True)
class ImageConfig:
    """One run.

    Attributes:
        model: ``linear`` or ``mlp``, which read all pixels at once, or ``rows``, a GRU that reads row after row.
        lr: Adam's rate.
        seed: of split, initial weights and order of the batches.
    """

    model: str
    lr: float
    seed: int


def image_network(model: str) -> nn.Module:
    """The perceptron and the GRU have about 2,000 parameters, the linear model 650."""
    match model:
        case "linear":
            return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
        case "mlp":
            return nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
        case _:
            return SequenceClassifier(nn.GRU(8, 20, batch_first=True), width=20, num_classes=10)


def run_images(config: ImageConfig, device: str) -> Mapping[str, Any]:
    """Train one model to name a digit; besides the course of training ``accuracy`` in per cent of the test images."""
    digits = load_digits()
    order = np.random.default_rng(config.seed).permutation(len(digits.target))
    images = torch.as_tensor(digits.images[order] / 16, dtype=torch.float32)
    classes = torch.as_tensor(digits.target[order])
    set_seed(config.seed)
    net, (train, validation) = image_network(config.model), (slice(1200), slice(1200, 1400))
    course = learn(net, (images[train], classes[train]), (images[validation], classes[validation]), config, LIMITS)
    return {"accuracy": share(named(net, images[1400:]) == classes[1400:].numpy()), **course}


def image_grid(scale: str, seeds: int) -> list[ImageConfig]:
    """Every model at every rate; the linear one alone at the small scale."""
    models = ("linear", "mlp", "rows") if scale == "full" else ("linear",)
    return [ImageConfig(*one) for one in product(models, RATES, range(seeds))]


STUDY = Study(
    name="images-plateau",
    about="An image as one vector or as eight rows: linear model, perceptron and GRU, each trained to its plateau.",
    seeds=5,
    grid=image_grid,
    run=run_images,
    data=fingerprint,
    notes=NOTES,
)
STUDIES = (STUDY,)
