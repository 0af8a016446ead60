"""What strangers bring: modules of every kind, counted or refused, against what PyTorch itself runs."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, distributions, nn
from torch.nn.utils import prune
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse.counting import count
from tests.unfused import QUIET, flops

pytestmark = [*QUIET, pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")]
floats = torch.randn


class Call(NamedTuple):
    """A module, and the real arguments that the sizes in ``given`` stand for."""

    module: nn.Module
    real: tuple[Any, ...] | dict[str, Any]
    given: dict[str, Any]


class Lambda(nn.Module):
    """Parts and parameters by name, and a forward that uses them."""

    def __init__(self, forward: Callable[..., Any], /, **parts: Any) -> None:
        super().__init__()
        self.body = forward
        for name, part in parts.items():
            setattr(self, name, nn.Parameter(part) if isinstance(part, Tensor) else part)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.body(self, *args, **kwargs)


def sizes(module: nn.Module, *shapes: tuple[int, ...], **given: Any) -> Call:
    """A call on floating-point inputs of these shapes."""
    dtype = next((p.dtype for p in module.parameters()), None)
    return Call(module, tuple(floats(*s, dtype=dtype) for s in shapes), {"input_size": [*shapes], **given})


def tokens(module: nn.Module, shape: tuple[int, ...]) -> Call:
    return Call(module, (torch.randint(9, shape),), {"input_size": shape, "dtype": torch.long})


def data(module: nn.Module, *real: Any, **named: Any) -> Call:
    return Call(module, named or real, {"data": named or list(real)})


def shapes_of(module: nn.Module, *real: Any) -> Call:
    """Tensors in place of sizes."""
    return Call(module, real, {"input_size": list(real)})


def convolutional() -> nn.Module:
    def forward(self: Any, x: Tensor) -> Tensor:
        x = F.relu(F.max_pool2d(self.first(x), 2))
        x = F.relu(F.max_pool2d(self.drop(self.second(x)), 2)).view(-1, 320)
        return F.log_softmax(self.out(F.relu(self.dense(x))), dim=1)

    return Lambda(
        forward,
        first=nn.Conv2d(1, 10, 5),
        second=nn.Conv2d(10, 20, 5),
        drop=nn.Dropout2d(),
        dense=nn.Linear(320, 50),
        out=nn.Linear(50, 10),
    )


def pruned() -> nn.Module:
    net = convolutional()
    for layer in (net.first, net.dense):
        prune.l1_unstructured(layer, "weight", 0.5)
    return net


def learned_start(cell: str) -> nn.Module:
    kind = getattr(nn, cell)

    def forward(self: Any, x: Tensor) -> Tensor:
        start = self.start.expand(-1, len(x), -1).contiguous()
        return self.out(self.rnn(x, (start, start) if cell == "LSTM" else start)[0][:, -1])

    rnn = kind(3, 4, batch_first=True)
    return Lambda(forward, rnn=rnn, start=torch.zeros(1, 1, 4), out=nn.Linear(4, 2))


def packed_reader(*, sorts: bool, unpacks: bool) -> nn.Module:
    def forward(self: Any, words: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(self.embed(words), lengths, batch_first=True, enforce_sorted=not sorts)
        output, (last, _) = self.rnn(packed)
        if unpacks:
            last = pad_packed_sequence(output, batch_first=True)[0].mean(dim=1)[None]
        return self.out(last[-1])

    width = 8 if unpacks else 4
    rnn = nn.LSTM(3, 4, batch_first=True, bidirectional=unpacks)
    return Lambda(forward, embed=nn.Embedding(9, 3), rnn=rnn, out=nn.Linear(width, 2))


class Named(nn.Module):
    def __init__(self, reader: nn.Module) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        return self.reader(words, lengths)


def masked_mean() -> nn.Module:
    def forward(self: Any, x: Tensor, lengths: Tensor) -> Tensor:
        keep = torch.arange(x.shape[1])[None] < lengths[:, None]
        total = (self.dense(x) * keep[..., None]).sum(dim=1)
        return total / lengths[:, None]

    return Lambda(forward, dense=nn.Linear(3, 4))


def language_model(*, mask: bool) -> nn.Module:
    def forward(self: Any, words: Tensor) -> Tensor:
        steps = words.shape[1]
        ahead = nn.Transformer.generate_square_subsequent_mask(steps) if mask else None
        return self.out(self.encoder(self.embed(words) + self.place[:steps], mask=ahead))

    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    return Lambda(forward, embed=nn.Embedding(9, 8), encoder=encoder, place=torch.zeros(20, 8), out=nn.Linear(8, 9))


def autoencoder() -> nn.Module:
    def forward(self: Any, x: Tensor) -> Tensor:
        y, places = self.pool(F.relu(self.down(x)))
        return self.up(self.unpool(y, places, output_size=x.shape[-2:]))

    pool, unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
    return Lambda(
        forward, down=nn.Conv2d(3, 4, 3, padding=1), pool=pool, unpool=unpool, up=nn.ConvTranspose2d(4, 3, 3, padding=1)
    )


def variational() -> nn.Module:
    def forward(self: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, spread = self.encode(x).chunk(2, dim=-1)
        posterior = distributions.Normal(mean, F.softplus(spread))
        prior = distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
        return self.decode(posterior.rsample()), distributions.kl_divergence(posterior, prior).sum()

    return Lambda(forward, encode=nn.Linear(5, 4), decode=nn.Linear(2, 5))


def teacher_forced() -> nn.Module:
    def forward(self: Any, x: Tensor) -> Tensor:
        state = torch.zeros(len(x), 4)
        outputs = torch.zeros(len(x), x.shape[1], 4)
        for step in range(x.shape[1]):
            state = self.cell(x[:, step], state)
            outputs[:, step] = state
        return self.out(outputs)

    return Lambda(forward, cell=nn.GRUCell(3, 4), out=nn.Linear(4, 2))


def attention(kind: str) -> nn.Module:
    def additive(self: Any, x: Tensor) -> Tensor:
        scores = self.score(torch.tanh(self.query(x)[:, None] + self.key(x)[:, :, None]))
        return torch.softmax(scores.squeeze(-1), dim=1) @ x

    def scaled(self: Any, x: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(self.query(x), self.key(x), x, is_causal=True)

    def einsum(self: Any, x: Tensor) -> Tensor:
        return torch.einsum("bqk,bkd->bqd", torch.einsum("bqd,bkd->bqk", self.query(x), x).softmax(-1), x)

    forward = {"additive": additive, "scaled": scaled, "einsum": einsum}[kind]
    return Lambda(forward, query=nn.Linear(4, 4), key=nn.Linear(4, 4), score=nn.Linear(4, 1))


def in_place(self: Any, x: Tensor) -> Tensor:
    x = self.dense(x).unsqueeze_(1).squeeze_(1).transpose_(0, 1).t()
    return x.mul_(2).add_(1).clamp_(min=0).relu_()


def shared() -> nn.Module:
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.ReLU(inplace=True), layer, nn.Sequential(layer, layer))


def recursive() -> nn.Module:
    def forward(self: Any, x: Tensor, depth: int = 3) -> Tensor:
        return x if depth == 0 else self(self.conv(x), depth - 1)

    return Lambda(forward, conv=nn.Conv2d(2, 2, 3, padding=1))


def tied() -> nn.Module:
    def forward(self: Any, words: Tensor) -> Tensor:
        return F.linear(self.rnn(self.embed(words))[0], self.embed.weight)

    return Lambda(forward, embed=nn.Embedding(9, 4), rnn=nn.GRU(4, 4, batch_first=True))


class Louder(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense, self.rnn = nn.Linear(3, 4), nn.LSTM(4, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.rnn(self.dense(x))[0])


def scripted(module: nn.Module) -> nn.Module:
    return torch.jit.script(module)


def normed(parametrization: Callable[..., nn.Module]) -> nn.Module:
    return nn.Sequential(parametrization(nn.Linear(4, 4)), nn.ReLU())


def weights_in(container: str) -> nn.Module:
    first, second = nn.Parameter(floats(3, 4)), nn.Parameter(floats(4, 2))
    if container == "list":
        return Lambda(lambda self, x: x @ self.w[0] @ self.w[1], w=nn.ParameterList([first, second]))
    if container == "dict":
        return Lambda(lambda self, x: x @ self.w["a"] @ self.w["b"], w=nn.ParameterDict({"a": first, "b": second}))
    held = {"a": [floats(3, 4)], "b": (floats(4, 2),)}  # plain tensors in plain containers
    return Lambda(lambda self, x: x @ self.w["a"][0] @ self.w["b"][0], w=held)


def two_inputs() -> nn.Module:
    def forward(self: Any, x: Tensor, y: Tensor) -> Tensor:
        return torch.cat([self.left(x), self.right(y.float())])

    return Lambda(forward, left=nn.Linear(3, 2), right=nn.Linear(3, 2))


def from_dict(self: Any, x: Mapping[str, Any], scale: float = 1.0) -> dict[str, Any]:
    return {"out": [self.dense(x["a"]) * scale + x["b"][0]]}


def chosen(self: Any, x: Tensor, kind: str = "conv", deep: bool = False) -> Tensor:
    x = self.choices[kind](x)
    return self.choices["conv"](x) if deep else x


CHOICES = {"conv": nn.Conv1d(3, 3, 1), "pool": nn.MaxPool1d(2)}
LENGTHS = torch.tensor([7, 3, 1])


def calls() -> dict[str, Callable[[], Call]]:
    """Ninety calls, by what is uncommon about them."""
    x3 = (2, 5, 3)
    alone: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
        "functional": (lambda: convolutional(), (2, 1, 28, 28)),
        "pruned": (lambda: pruned(), (2, 1, 28, 28)),
        "padding": (lambda: Lambda(lambda _, x: F.pad(F.pad(x, (1, 1), mode="reflect"), (2, 0))), (2, 3, 8)),
        "in place": (lambda: Lambda(in_place, dense=nn.Linear(3, 4)), (2, 3)),
        "distributions": (lambda: variational(), (2, 5)),
        "autoencoder": (lambda: autoencoder(), (1, 3, 8, 8)),
        "learned h0, GRU": (lambda: learned_start("GRU"), x3),
        "learned h0, LSTM": (lambda: learned_start("LSTM"), x3),
        "parameter list": (lambda: weights_in("list"), (2, 3)),
        "parameter dict": (lambda: weights_in("dict"), (2, 3)),
        "plain dict": (lambda: weights_in("plain"), (2, 3)),
        "own scale and shift": (lambda: Lambda(lambda m, x: m.w * x + m.b, w=floats(3), b=floats(3)), (2, 3)),
        "own product": (lambda: Lambda(lambda m, x: torch.mm(x, m.w) + m.b, w=floats(3, 4), b=floats(4)), (2, 3)),
        "parameter returned": (lambda: Lambda(lambda m, x: m.w, w=floats(3, 4)), (2,)),
        "shared": (lambda: shared(), (2, 4)),
        "recursive": (lambda: recursive(), (1, 2, 6, 6)),
        "module list": (
            lambda: Lambda(lambda m, x: m.all[1](m.all[0](x)), all=nn.ModuleList([nn.ReLU(), nn.GELU()])),
            (2,),
        ),
        "subclass": (lambda: Louder(3, 4), (2, 3)),
        "teacher forced": (lambda: teacher_forced(), x3),
        "scripted": (lambda: scripted(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))), (2, 3)),
        "scripted LSTM": (lambda: scripted(Scripted()), x3),
        "partly scripted": (lambda: nn.Sequential(nn.Linear(3, 3), scripted(nn.Linear(3, 2))), (2, 3)),
        "weight norm": (lambda: normed(nn.utils.parametrizations.weight_norm), (2, 4)),
        "orthogonal, frozen": (
            lambda: nn.utils.parametrize.register_parametrization(nn.Linear(4, 4), "bias", nn.ReLU()),
            (2, 4),
        ),
        "no parameters": (lambda: nn.Identity(), (2, 3)),
        "multi-head, averaged": (
            lambda: Lambda(lambda m, x: m.a(x, x, x)[0], a=nn.MultiheadAttention(8, 2)),
            (5, 2, 8),
        ),
        "multi-head": (
            lambda: Lambda(
                lambda m, x: m.a(x, x, x, need_weights=False)[0], a=nn.MultiheadAttention(8, 2, batch_first=True)
            ),
            (2, 5, 8),
        ),
        "attention, additive": (lambda: attention("additive"), (2, 5, 4)),
        "attention, scaled": (lambda: attention("scaled"), (2, 5, 4)),
        "attention, einsum": (lambda: attention("einsum"), (2, 5, 4)),
        "encoder layer": (lambda: nn.TransformerEncoderLayer(8, 2, 16), (5, 2, 8)),
        "encoder layer, frozen": (lambda: nn.TransformerEncoderLayer(8, 2, 16).requires_grad_(False), (5, 2, 8)),
        "group norm": (lambda: nn.GroupNorm(2, 4), (2, 4, 5)),
        "instance norm": (lambda: nn.InstanceNorm1d(4, affine=True), (2, 4, 5)),
        "RMS norm": (lambda: nn.RMSNorm(4), (2, 4)),
        "transposed 1d": (lambda: nn.ConvTranspose1d(4, 6, 3, stride=2), (2, 4, 5)),
        "transposed 3d": (lambda: nn.ConvTranspose3d(2, 3, 2, bias=False), (1, 2, 3, 4, 5)),
        "3d": (lambda: nn.Sequential(nn.Conv3d(2, 3, 2), nn.BatchNorm3d(3), nn.MaxPool3d(2)), (1, 2, 5, 5, 5)),
        "causal, dilated": (lambda: nn.Conv1d(3, 4, 3, dilation=2, padding="same", padding_mode="circular"), (2, 3, 9)),
        "upsampled": (
            lambda: nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.PixelShuffle(2)),
            (1, 4, 3, 3),
        ),
        "unfolded": (lambda: nn.Unfold(2), (1, 3, 4, 4)),
        "folded": (lambda: nn.Fold((4, 4), 2), (1, 12, 9)),
        "adaptive pools": (lambda: nn.Sequential(nn.AdaptiveMaxPool1d(4), nn.AdaptiveAvgPool1d(1)), (2, 3, 9)),
        "other activations": (
            lambda: nn.Sequential(nn.GLU(), nn.PReLU(), nn.Hardswish(), nn.Softmin(-1), nn.Mish()),
            (2, 8),
        ),
        "sorted": (lambda: Lambda(lambda _, x: x.sort(dim=-1).values.cumsum(-1).topk(2).values), (2, 5)),
        "losses": (lambda: Lambda(lambda _, x: F.mse_loss(x, x) + F.smooth_l1_loss(x, x) + x.norm() + x.std()), (2, 5)),
        "scattered": (
            lambda: Lambda(lambda _, x: torch.zeros(2, 5).scatter_add(1, torch.zeros(2, 5).long(), x)),
            (2, 5),
        ),
        "sampled grid": (
            lambda: Lambda(lambda _, x: F.grid_sample(x, torch.zeros(1, 3, 3, 2), align_corners=False)),
            (1, 1, 4, 4),
        ),
        "noise in forward": (lambda: Lambda(lambda _, x: x + torch.randn(5) * torch.rand_like(x)), (2, 5)),
        "lazy": (lambda: nn.Sequential(nn.LazyLinear(4), nn.ReLU()), (2, 3)),
        "RNN over an outer product": (
            lambda: Lambda(lambda m, x: m.r(x @ x.mT)[0], r=nn.RNN(5, 2, batch_first=True)),
            x3,
        ),
        "outputs nested": (lambda: Lambda(lambda m, x: {"a": ({"b": [m.d(x)]},)}, d=nn.Linear(3, 2)), (2, 3)),
        "double": (lambda: nn.GRU(3, 4).double(), x3),
        "unbatched": (lambda: nn.LSTM(3, 4, 2, bidirectional=True), (5, 3)),
        "cells in a stack": (
            lambda: Lambda(lambda m, x: m.b(m.a(x)[0]), a=nn.LSTMCell(3, 4), b=nn.RNNCell(4, 2)),
            (2, 3),
        ),
    }
    two = two_inputs()
    reader, lstm = packed_reader(sorts=False, unpacks=False), nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True)
    words = torch.randint(9, (3, 7))
    packed = pack_padded_sequence(floats(3, 7, 3), LENGTHS, batch_first=True)
    ids = {"input_size": [(3, 7), (3,)], "lengths": (7, 3, 1), "dtype": torch.long}
    unsorted = {**ids, "lengths": (3, 7, 1)}
    nested = {"a": floats(2, 3), "b": [floats(2, 3)]}
    picked = Lambda(chosen, choices=nn.ModuleDict(CHOICES))
    double = Lambda(lambda m, x: m.d(torch.from_numpy(x)).detach().numpy(), d=nn.Linear(3, 2))
    branch = Lambda(lambda m, x: m.d(x) if x.sum() > 0 else x, d=nn.Linear(3, 2))
    skipping = Lambda(lambda m, x: m.d(x[x[:, 0] > 0]), d=nn.Linear(3, 2))
    several: dict[str, Callable[[], Call]] = {
        "two inputs": lambda: sizes(two, (2, 3), (4, 3)),
        "two dtypes": lambda: Call(
            two,
            (floats(2, 3), torch.ones(2, 3).long()),
            {"input_size": [(2, 3), (2, 3)], "dtype": [torch.float32, torch.long]},
        ),
        "keywords": lambda: Call(
            two, {"x": floats(2, 3), "y": floats(4, 3)}, {"input_size": {"y": (4, 3), "x": (2, 3)}}
        ),
        "tensors for sizes": lambda: shapes_of(two, floats(2, 3), torch.ones(4, 3).long()),
        "one tensor": lambda: Call(nn.Linear(3, 2), (floats(2, 3),), {"input_size": floats(2, 3)}),
        "options": lambda: Call(
            picked,
            {"x": floats(2, 3, 4), "kind": "pool", "deep": True},
            {"input_size": {"x": (2, 3, 4), "kind": "pool", "deep": True}},
        ),
        "an unused branch": lambda: sizes(picked, (2, 3, 4)),
        "dict of sizes": lambda: Call(
            Lambda(from_dict, dense=nn.Linear(3, 3)), (nested,), {"input_size": [{"a": (2, 3), "b": [(2, 3)]}]}
        ),
        "dict of data": lambda: data(Lambda(from_dict, dense=nn.Linear(3, 3)), nested),
        "dict and option": lambda: data(Lambda(from_dict, dense=nn.Linear(3, 3)), x=nested, scale=5),
        "given data": lambda: data(convolutional(), floats(2, 1, 28, 28)),
        "given data, frozen attention": lambda: data(attention("scaled").requires_grad_(False), floats(2, 5, 4)),
        "given data, LSTM": lambda: data(lstm, floats(3, 7, 3)),
        "given data, numbers": lambda: data(double, floats(2, 3).numpy()),
        "given data, branch": lambda: data(branch, torch.ones(2, 3)),
        "given data, selection": lambda: data(skipping, torch.ones(4, 3)),
        "given data, scripted": lambda: data(scripted(nn.Sequential(nn.Linear(3, 4), nn.Tanh())), floats(2, 5, 3)),
        "no inputs": lambda: Call(Lambda(lambda m: m.w.sum(), w=floats(3, 3)), (), {}),
        "lengths": lambda: Call(reader, (words, LENGTHS), ids),
        "lengths by name": lambda: Call(
            Named(reader),
            (words, LENGTHS),
            {"input_size": (3, 7), "lengths": LENGTHS, "dtype": torch.long},
        ),
        "lengths unsorted": lambda: Call(
            packed_reader(sorts=True, unpacks=True), (words, torch.tensor([3, 7, 1])), unsorted
        ),
        "lengths mask": lambda: Call(
            masked_mean(), (floats(3, 7, 3), LENGTHS), {"input_size": [(3, 7, 3), (3,)], "lengths": (7, 3, 1)}
        ),
        "lengths, packed": lambda: Call(lstm, (packed,), {"input_size": (3, 7, 3), "lengths": (7, 3, 1)}),
        "lengths as data": lambda: data(reader, words, LENGTHS),
        "packed data": lambda: data(lstm, packed),
        "projected, packed": lambda: Call(
            nn.LSTM(3, 4, proj_size=2, bidirectional=True, batch_first=True),
            (packed,),
            {"input_size": (3, 7, 3), "lengths": (7, 3, 1)},
        ),
        "GRU, packed": lambda: Call(
            nn.GRU(3, 4, 2, bidirectional=True, batch_first=True),
            (packed,),
            {"input_size": (3, 7, 3), "lengths": (7, 3, 1)},
        ),
        "transformer": lambda: sizes(nn.Transformer(8, 2, 1, 1, 16, batch_first=True), (2, 5, 8), (2, 4, 8)),
        "transformer, decoder": lambda: sizes(nn.TransformerDecoderLayer(8, 2, 16), (5, 2, 8), (4, 2, 8)),
        "language model": lambda: tokens(language_model(mask=False), (2, 5)),
        "language model, masked": lambda: tokens(language_model(mask=True), (2, 5)),
        "language model, data": lambda: data(language_model(mask=True), torch.randint(9, (2, 5))),
        "tied": lambda: tokens(tied(), (2, 5)),
        "bags": lambda: tokens(nn.Sequential(nn.EmbeddingBag(9, 4), nn.Linear(4, 2)), (2, 5)),
        "similarity": lambda: sizes(nn.CosineSimilarity(), (2, 5), (2, 5)),
    }
    return {
        name: lambda build=build, size=size: sizes(build(), size) for name, (build, size) in alone.items()
    } | several


CALLS = calls()


def test_there_are_ninety() -> None:
    assert len(CALLS) >= 90


@pytest.mark.parametrize("name", CALLS)
def test_each_is_counted_as_pytorch_runs_it(name: str) -> None:
    module, real, given = CALLS[name]()
    counted = count(module, **given)
    args, kwargs = (real, {}) if isinstance(real, tuple) else ((), real)
    forward, backward, outputs = flops(module, *args, **kwargs)
    assert counted.flops("gemm") == forward
    assert counted.parameters == sum(p.numel() for p in module.parameters())
    assert counted.backward_flops == backward or not outputs  # an array has no graph
