"""One to many: the image of a digit goes in, its name comes out, letter by letter.

The images are real, those of scikit-learn. The names say no more than the class, so spelling is the smallest task whose
answer is a sequence; a classifier with a list of the names is the baseline. Rates and stopping as in the other studies
of the chapter.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Tensor, nn

from book.experiments.ch23_reach_and_readout import NOTES, RATES, learn, named, share
from rnncourse.studies import Study
from rnncourse.training import set_seed
from rnncourse.training.batches import ArrayBatches

__all__ = ["STUDIES", "SpellingConfig"]

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LETTERS = ".efghinorstuvwxz"  # the stop ends a name, and fills up the rest
PLACES = 6
LIMITS = (80, 15)


@dataclass(frozen=True)
class SpellingConfig:
    """One run.

    Attributes:
        model: ``look-up``, a linear classifier whose class is spelt from a list; ``linear`` or ``mlp``, which name the
            letter at every place independently; ``blind``, a GRU that starts from the image and reads no letter;
            ``gru``, the same, reading the letter that it said last.
        lr: Adam's rate.
        seed: of split, initial weights and order of the batches.
    """

    model: str
    lr: float
    seed: int


def spelling_grid(scale: str, seeds: int) -> list[SpellingConfig]:
    """Every model, at both scales."""
    return [SpellingConfig(*one) for one in product(("look-up", "linear", "mlp", "blind", "gru"), RATES, range(seeds))]


def spelt(names: tuple[str, ...] = NAMES) -> NDArray[np.int64]:
    """The names as letters, ``(name, PLACES)``."""
    return np.array([[LETTERS.index(letter) for letter in name.ljust(PLACES, ".")] for name in names])


@dataclass(frozen=True, eq=False)
class Told:
    """Batches in which the network is told the right letters while it spells."""

    images: Tensor
    letters: Tensor

    def __len__(self) -> int:
        return len(ArrayBatches(self.images, None, 64))

    def batches(self, generator: torch.Generator | None) -> Iterator[tuple[tuple[Tensor, Tensor], Tensor]]:
        for rows, letters in ArrayBatches(torch.arange(len(self.images)), self.letters, 64).batches(generator):
            yield (self.images[rows], letters), letters


class Speller(nn.Module):
    """A GRU that starts from an image and says one letter per step."""

    def __init__(self, *, blind: bool, units: int = 24) -> None:
        super().__init__()
        self.blind, self.start = blind, nn.Linear(64, units)
        self.embedding = nn.Embedding(len(LETTERS), 8)
        self.rnn, self.head = nn.GRU(8, units, batch_first=True), nn.Linear(units, len(LETTERS))

    def forward(self, images: Tensor, told: Tensor | None = None) -> Tensor:
        """Logits ``(batch, PLACES, letter)``; without ``told`` each step reads the likeliest letter of the last one."""
        state = torch.tanh(self.start(images))[None]
        letter = torch.zeros(len(images), 1, dtype=torch.int64)  # a stop before the first letter
        said = []
        for place in range(PLACES):
            seen = torch.zeros_like(letter) if self.blind else letter
            output, state = self.rnn(self.embedding(seen), state)
            said.append(self.head(output))
            letter = said[-1].argmax(dim=2) if told is None else told[:, place, None]
        return torch.cat(said, dim=1)


class PlaceSpeller(nn.Module):
    """Letters of all places at once, each from the image alone."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, images: Tensor, told: Tensor | None = None) -> Tensor:
        """Logits ``(batch, PLACES, letter)``."""
        logits: Tensor = self.body(images).view(len(images), PLACES, len(LETTERS))
        return logits


def run_spelling(config: SpellingConfig, device: str) -> Mapping[str, Any]:
    """Train one model to spell.

    Returns:
        Besides the course of training, in per cent of the test images: ``word``, spelt right to the last letter;
        ``letters``, right letters of all places; ``no_name``, spelt as no digit is. ``commonest`` is the share of the
        test images that are the most frequent digit of the training set.
    """
    digits = load_digits()
    order = np.random.default_rng(config.seed).permutation(len(digits.target))
    images = torch.as_tensor(digits.data[order] / 16, dtype=torch.float32)
    classes, names = torch.as_tensor(digits.target[order]), torch.as_tensor(spelt())
    set_seed(config.seed)
    net, parts = speller(config.model), (slice(1200), slice(1200, 1400), slice(1400, None))
    if config.model == "look-up":
        course = learn(net, *((images[p], classes[p]) for p in parts[:2]), config, LIMITS)  # type: ignore[arg-type, call-arg]
        said = names[named(net, images[parts[2]])]
    else:
        course = learn(  # type: ignore[call-arg]
            net,
            *(Told(images[p], names[classes[p]]) for p in parts[:2]),  # type: ignore[arg-type]
            config,
            LIMITS,
            letter_loss,
        )
        said = torch.as_tensor(named(net, images[parts[2]]))
    right = (said == names[classes[parts[2]]]).numpy()
    known = (said[:, None] == names).all(dim=2).any(dim=1).numpy()
    commonest = classes[parts[0]].bincount().argmax()
    return {
        "word": share(right.all(axis=1)),
        "letters": share(right),
        "no_name": share(~known),
        "commonest": share((classes[parts[2]] == commonest).numpy()),
        **course,
    }


def letter_loss(logits: Tensor, letters: Tensor) -> Tensor:
    """Mean cross-entropy over all places."""
    return nn.functional.cross_entropy(logits.flatten(0, 1), letters.flatten())


def speller(model: str) -> nn.Module:
    """The perceptron has about as many parameters as the GRU."""
    match model:
        case "look-up":
            return nn.Linear(64, 10)
        case "linear":
            return PlaceSpeller(nn.Linear(64, PLACES * len(LETTERS)))
        case "mlp":
            return PlaceSpeller(nn.Sequential(nn.Linear(64, 28), nn.ReLU(), nn.Linear(28, PLACES * len(LETTERS))))
        case _:
            return Speller(blind=model == "blind")


def fingerprint(scale: str) -> str:
    """Fingerprint of the images and their digits."""
    digits = load_digits()
    return hashlib.sha256(digits.data.tobytes() + digits.target.tobytes()).hexdigest()[:16]


STUDY = Study(
    name="spelling",
    about="One to many: an image of a digit in, its name out, letter by letter.",
    seeds=5,
    grid=spelling_grid,
    run=run_spelling,
    data=fingerprint,
    notes=NOTES,
)
STUDIES = (STUDY,)
