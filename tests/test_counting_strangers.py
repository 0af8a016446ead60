"""What strangers bring: modules of every kind, counted or refused, against what PyTorch itself runs."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, distributions, nn
from torch.nn.utils import parametrizations, prune
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse.counting import count
from tests.unfused import QUIET, Lambda, built, flops

pytestmark = [*QUIET, pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")]
floats, ints = torch.randn, torch.ones(2, 3).long()


class Call(NamedTuple):
    """A module, the real arguments, and what `count` is given in their place."""

    module: nn.Module
    real: tuple[Any, ...] | dict[str, Any]
    given: dict[str, Any]


def sizes(module: nn.Module, *shapes: tuple[int, ...]) -> Call:
    dtype = next((p.dtype for p in module.parameters()), None)
    return Call(module, tuple(floats(*shape, dtype=dtype) for shape in shapes), {"input_size": [*shapes]})


def tokens(module: nn.Module) -> Call:
    return Call(module, (torch.randint(9, (2, 5)),), {"input_size": (2, 5), "dtype": torch.long})


def data(module: nn.Module, *real: Any, **named: Any) -> Call:
    return Call(module, named or real, {"data": named or list(real)})


def convolutional() -> Any:
    def forward(self: Any, x: Tensor) -> Tensor:
        x = F.relu(F.max_pool2d(self.first(x), 2))
        x = F.relu(F.max_pool2d(self.drop(self.second(x)), 2)).view(-1, 20)
        return F.log_softmax(self.out(x), dim=1)

    parts = {"first": nn.Conv2d(1, 10, 5), "second": nn.Conv2d(10, 20, 3), "out": nn.Linear(20, 10)}
    return Lambda(forward, drop=nn.Dropout2d(), **parts)


def pruned() -> nn.Module:
    net = convolutional()
    prune.l1_unstructured(net.first, "weight", 0.5)
    prune.l1_unstructured(net.out, "weight", 0.5)
    return net


def learned_start(kind: type[nn.RNNBase]) -> nn.Module:
    def forward(self: Any, x: Tensor) -> Tensor:
        start = self.start.expand(-1, len(x), -1).contiguous()
        return self.out(self.rnn(x, (start, start) if kind is nn.LSTM else start)[0][:, -1])

    return Lambda(forward, rnn=kind(3, 4, batch_first=True), start=torch.zeros(1, 1, 4), out=nn.Linear(4, 2))


def handed_over(self: Any, x: Tensor) -> Tensor:
    _, state = self.encoder(x)
    out, _ = self.decoder(x, hx=state)
    return self.cell(out[:, -1], state[0])


def packed_reader(*, sorts: bool, unpacks: bool) -> nn.Module:
    def forward(self: Any, words: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(self.embed(words), lengths, batch_first=True, enforce_sorted=not sorts)
        output, (last, _) = self.rnn(packed)
        last = pad_packed_sequence(output, batch_first=True)[0].mean(dim=1)[None] if unpacks else last
        return self.out(last[-1])

    rnn = nn.LSTM(3, 4, batch_first=True, bidirectional=unpacks)
    return Lambda(forward, embed=nn.Embedding(9, 3), rnn=rnn, out=nn.Linear(8 if unpacks else 4, 2))


class Alone(nn.Linear):
    def forward(self, times: int = 2) -> Tensor:
        return times * self.weight @ self.weight


class Louder(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class Named(nn.Module):
    def __init__(self, reader: nn.Module) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        return self.reader(words, lengths)


class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense, self.rnn = nn.Linear(3, 4), nn.LSTM(4, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.rnn(self.dense(x))[0])


def masked_mean(self: Any, x: Tensor, lengths: Tensor) -> Tensor:
    keep = torch.arange(x.shape[1])[None] < lengths[:, None]
    return (self.dense(x) * keep[..., None]).sum(dim=1) / lengths[:, None]


def language_model(*, mask: bool) -> nn.Module:
    def forward(self: Any, words: Tensor) -> Tensor:
        steps = words.shape[1]
        ahead = nn.Transformer.generate_square_subsequent_mask(steps) if mask else None
        return self.out(self.encoder(self.embed(words) + self.place[:steps], mask=ahead))

    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    return Lambda(forward, embed=nn.Embedding(9, 8), encoder=encoder, place=torch.zeros(20, 8), out=nn.Linear(8, 9))


def unpooled(self: Any, x: Tensor) -> Tensor:
    y, places = self.pool(F.relu(self.down(x)))
    return self.up(self.unpool(y, places, output_size=x.shape[-2:]))


def variational(self: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    mean, spread = self.encode(x).chunk(2, dim=-1)
    posterior = distributions.Normal(mean, F.softplus(spread))
    prior = distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    return self.decode(posterior.rsample()), distributions.kl_divergence(posterior, prior).sum()


def stepwise(self: Any, x: Tensor) -> Tensor:
    state, outputs = torch.zeros(len(x), 4), torch.zeros(len(x), x.shape[1], 4)
    for step in range(x.shape[1]):
        state = self.cell(x[:, step], state)
        outputs[:, step] = state
    return self.out(outputs)


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


def to_itself(**options: Any) -> nn.Module:
    return Lambda(lambda m, x: m.a(x, x, x, **options)[0], a=nn.MultiheadAttention(8, 2))


def in_place(self: Any, x: Tensor) -> Tensor:
    x = self.dense(x).unsqueeze_(1).squeeze_(1).transpose_(0, 1).t()
    return x.mul_(2).add_(1).clamp_(min=0).relu_()


def shared() -> nn.Module:
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.ReLU(inplace=True), layer, nn.Sequential(layer, layer))


def recursive(self: Any, x: Tensor, depth: int = 3) -> Tensor:
    return x if depth == 0 else self(self.conv(x), depth - 1)


def tied(self: Any, words: Tensor) -> Tensor:
    return F.linear(self.rnn(self.embed(words))[0], self.embed.weight)


def from_dict(self: Any, x: dict[str, Any], scale: float = 1.0) -> dict[str, Any]:
    return {"out": [self.dense(x["a"]) * scale + x["b"][0]]}


def chosen(self: Any, x: Tensor, kind: str = "conv", deep: bool = False) -> Tensor:
    x = self.choices[kind](x)
    return self.choices["conv"](x) if deep else x


def on(size: tuple[int, ...], layers: str = "", **builders: Callable[[], nn.Module]) -> dict[str, Callable[[], Call]]:
    """Calls with one floating-point input, all of one size: layers of ``torch.nn`` by their text, others by name."""
    texts = {text: partial(built, text) for text in layers.split("; ") if text}
    return {name: lambda build=build: sizes(build(), size) for name, build in (texts | builders).items()}


a, b = nn.Parameter(floats(3, 4)), nn.Parameter(floats(4, 2))
dense, choices = nn.Linear(3, 3), nn.ModuleDict({"conv": nn.Conv1d(3, 3, 1), "pool": nn.MaxPool1d(2)})
lstm = nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True)
projected, gru = nn.LSTM(3, 4, proj_size=2, batch_first=True), nn.GRU(3, 4, 2, bidirectional=True, batch_first=True)
reader, two = packed_reader(sorts=False, unpacks=False), Lambda(lambda m, x, y: m.d(x) @ m.d(y.float()).T, d=dense)
LENGTHS, words, nested = torch.tensor([7, 3, 1]), torch.randint(9, (3, 7)), {"a": floats(2, 3), "b": [floats(2, 3)]}
packed = pack_padded_sequence(floats(3, 7, 3), LENGTHS, batch_first=True)
PACKED = {"input_size": (3, 7, 3), "lengths": (7, 3, 1)}
IDS = {"input_size": [(3, 7), (3,)], "lengths": (7, 3, 1), "dtype": torch.long}
option = {"kind": "pool", "deep": True}

CALLS: dict[str, Callable[[], Call]] = {
    **on(
        (2, 3),
        "Identity(); Sequential(LazyLinear(4), ReLU()); LSTM(3, 4, 2, bidirectional=True)",
        in_place=lambda: Lambda(in_place, dense=nn.Linear(3, 4)),
        parameter_list=lambda: Lambda(lambda m, x: x @ m.w[0] @ m.w[1], w=nn.ParameterList([a, b])),
        parameter_dict=lambda: Lambda(lambda m, x: x @ m.w["a"] @ m.w["b"], w=nn.ParameterDict({"a": a, "b": b})),
        plain_dict=lambda: Lambda(lambda m, x: x @ m.w["a"][0] @ m.w["b"], w={"a": [a.detach()], "b": b.detach()}),
        own_scale=lambda: Lambda(lambda m, x: m.w * x + m.b, w=floats(3), b=floats(3)),
        own_product=lambda: Lambda(lambda m, x: torch.mm(x, m.w) + m.b, w=floats(3, 4), b=floats(4)),
        parameter_returned=lambda: Lambda(lambda m, x: m.w, w=floats(3, 4)),
        module_list=lambda: Lambda(lambda m, x: m.l[1](m.l[0](x)), l=nn.ModuleList([nn.ReLU(), nn.GELU()])),
        subclass=lambda: Louder(3, 4),
        nested_outputs=lambda: Lambda(lambda m, x: {"a": ({"b": [m.d(x)]},)}, d=dense),
        cells=lambda: Lambda(lambda m, x: m.b(m.a(x)[0]), a=nn.LSTMCell(3, 4), b=nn.RNNCell(4, 2)),
        weight_norm=lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 3)), nn.ReLU()),
        scripted=lambda: torch.jit.script(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))),
        partly_scripted=lambda: nn.Sequential(nn.Linear(3, 3), torch.jit.script(nn.Linear(3, 2))),
        noise=lambda: Lambda(lambda _, x: x + torch.randn(3) * torch.rand_like(x)),
        losses=lambda: Lambda(lambda _, x: F.mse_loss(x, x) + F.smooth_l1_loss(x, x) + x.norm() + x.std()),
        sorted=lambda: Lambda(lambda _, x: x.sort(dim=-1).values.cumsum(-1).topk(2).values),
        scattered=lambda: Lambda(lambda _, x: torch.zeros(2, 3).scatter_add(1, torch.zeros(2, 3).long(), x)),
    ),
    **on(
        (2, 5, 3),
        learned_gru=lambda: learned_start(nn.GRU),
        learned_lstm=lambda: learned_start(nn.LSTM),
        handed_over=lambda: Lambda(
            handed_over,
            encoder=nn.GRU(3, 4, batch_first=True),
            decoder=nn.GRU(3, 4, batch_first=True),
            cell=nn.GRUCell(4, 4),
        ),
        stepwise=lambda: Lambda(stepwise, cell=nn.GRUCell(3, 4), out=nn.Linear(4, 2)),
        scripted_lstm=lambda: torch.jit.script(Scripted()),
        rnn_of_products=lambda: Lambda(lambda m, x: m.r(x @ x.mT)[0], r=nn.RNN(5, 2, batch_first=True)),
        double=lambda: nn.GRU(3, 4).double(),
    ),
    **on(
        (2, 4, 8),
        "GroupNorm(2, 4); InstanceNorm1d(4, affine=True); RMSNorm(8); ConvTranspose1d(4, 6, 3, stride=2); "
        "Conv1d(4, 4, 3, dilation=2, padding='same', padding_mode='circular'); TransformerEncoderLayer(8, 2, 16); "
        "TransformerEncoderLayer(8, 2, 16).requires_grad_(False); "
        "Sequential(AdaptiveMaxPool1d(4), AdaptiveAvgPool1d(1))"
        "; Sequential(GLU(), PReLU(), Hardswish(), Softmin(-1), Mish())",
        padding=lambda: Lambda(lambda _, x: F.pad(F.pad(x, (1, 1), mode="reflect"), (2, 0))),
        multi_head_averaged=to_itself,
        multi_head=lambda: to_itself(need_weights=False),
    ),
    **on(
        (2, 5, 4),
        additive_attention=lambda: attention("additive"),
        scaled_attention=lambda: attention("scaled"),
        einsum_attention=lambda: attention("einsum"),
        shared=shared,
        distributions=lambda: Lambda(variational, encode=nn.Linear(4, 4), decode=nn.Linear(2, 5)),
    ),
    **on(
        (1, 4, 6, 6),
        "Unfold(2); Sequential(Upsample(scale_factor=2, mode='bilinear'), PixelShuffle(2))",
        unpooled=lambda: Lambda(
            unpooled,
            down=nn.Conv2d(4, 4, 3, padding=1),
            pool=nn.MaxPool2d(2, return_indices=True),
            unpool=nn.MaxUnpool2d(2),
            up=nn.ConvTranspose2d(4, 3, 3, padding=1),
        ),
        recursive=lambda: Lambda(recursive, conv=nn.Conv2d(4, 4, 3, padding=1)),
        grid=lambda: Lambda(lambda _, x: F.grid_sample(x, torch.zeros(1, 3, 3, 2), align_corners=False)),
    ),
    **on((2, 1, 16, 16), functional=convolutional, pruned=pruned),
    **on((1, 12, 9), "Fold((4, 4), 2)"),
    **on(
        (1, 2, 5, 5, 5),
        "Sequential(Conv3d(2, 3, 2), BatchNorm3d(3), MaxPool3d(2)); ConvTranspose3d(2, 3, 2, bias=False)",
    ),
    "two inputs": lambda: sizes(two, (2, 3), (4, 3)),
    "two dtypes": lambda: Call(
        two, (floats(2, 3), ints), {"input_size": [(2, 3), (2, 3)], "dtype": [torch.float32, torch.long]}
    ),
    "keywords": lambda: Call(two, {"x": floats(2, 3), "y": floats(4, 3)}, {"input_size": {"y": (4, 3), "x": (2, 3)}}),
    "tensors for sizes": lambda: Call(two, (floats(2, 3), ints), {"input_size": [floats(2, 3), ints]}),
    "one tensor": lambda: Call(dense, (floats(2, 3),), {"input_size": floats(2, 3)}),
    "options": lambda: Call(
        Lambda(chosen, choices=choices), {"x": floats(2, 3, 4), **option}, {"input_size": {"x": (2, 3, 4), **option}}
    ),
    "an unused branch": lambda: sizes(Lambda(chosen, choices=choices), (2, 3, 4)),
    "dict of sizes": lambda: Call(
        Lambda(from_dict, dense=dense), (nested,), {"input_size": [{"a": (2, 3), "b": [(2, 3)]}]}
    ),
    "dict of data": lambda: data(Lambda(from_dict, dense=dense), nested),
    "dict and option": lambda: data(Lambda(from_dict, dense=dense), x=nested, scale=5),
    "data": lambda: data(convolutional(), floats(2, 1, 16, 16)),
    "data, frozen attention": lambda: data(attention("scaled").requires_grad_(False), floats(2, 5, 4)),
    "data, LSTM": lambda: data(lstm, floats(3, 7, 3)),
    "data, array": lambda: data(
        Lambda(lambda m, x: m.d(torch.from_numpy(x)).detach().numpy(), d=dense), floats(2, 3).numpy()
    ),
    "data, branch": lambda: data(Lambda(lambda m, x: m.d(x) if x.sum() > 0 else x, d=dense), torch.ones(2, 3)),
    "data, selection": lambda: data(Lambda(lambda m, x: m.d(x[x[:, 0] > 0]), d=dense), torch.ones(4, 3)),
    "data, scripted": lambda: data(torch.jit.script(nn.Sequential(nn.Linear(3, 4), nn.Tanh())), floats(2, 3)),
    "no inputs": lambda: data(Alone(3, 3, bias=False)),
    "lengths": lambda: Call(reader, (words, LENGTHS), IDS),
    "lengths by name": lambda: Call(
        Named(reader), (words, LENGTHS), {"input_size": (3, 7), "lengths": LENGTHS, "dtype": torch.long}
    ),
    "lengths unsorted": lambda: Call(
        packed_reader(sorts=True, unpacks=True), (words, torch.tensor([3, 7, 1])), {**IDS, "lengths": (3, 7, 1)}
    ),
    "lengths mask": lambda: Call(
        Lambda(masked_mean, dense=dense),
        (floats(3, 7, 3), LENGTHS),
        {"input_size": [(3, 7, 3), (3,)], "lengths": (7, 3, 1)},
    ),
    "lengths, data": lambda: data(reader, words, LENGTHS),
    "packed, data": lambda: data(lstm, packed),
    "packed": lambda: Call(lstm, (packed,), PACKED),
    "packed, projected": lambda: Call(projected, (packed,), PACKED),
    "packed GRU": lambda: Call(gru, (packed,), PACKED),
    "transformer": lambda: sizes(nn.Transformer(8, 2, 1, 1, 16, batch_first=True), (2, 5, 8), (2, 4, 8)),
    "decoder": lambda: sizes(nn.TransformerDecoderLayer(8, 2, 16), (5, 2, 8), (4, 2, 8)),
    "similarity": lambda: sizes(nn.CosineSimilarity(), (2, 5), (2, 5)),
    "language model": lambda: tokens(language_model(mask=False)),
    "language model, masked": lambda: tokens(language_model(mask=True)),
    "language model, data": lambda: data(language_model(mask=True), torch.randint(9, (2, 5))),
    "tied": lambda: tokens(Lambda(tied, embed=nn.Embedding(9, 4), rnn=nn.GRU(4, 4, batch_first=True))),
    "bags": lambda: tokens(nn.Sequential(nn.EmbeddingBag(9, 4), nn.Linear(4, 2))),
}


@pytest.mark.parametrize("name", CALLS)
def test_each_is_counted_as_pytorch_runs_it(name: str) -> None:
    if name == "recursive" and torch.__version__ < "2.5":
        pytest.skip("the counter of PyTorch 2.4 stops at a module that calls itself")
    module, real, given = CALLS[name]()
    counted = count(module, **given)
    args, kwargs = (real, {}) if isinstance(real, tuple) else ((), real)
    forward, backward, outputs = flops(module, *args, **kwargs)
    assert counted.flops("gemm") == forward
    assert counted.parameters == sum(p.numel() for p in module.parameters())
    assert counted.backward_flops == backward or not outputs  # an array has no graph
