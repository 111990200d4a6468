"""What converts computes what PyTorch computes: outputs, gradients and buffers in float64, operation by operation."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from thalweg.interop import torch_conversion as conversion
from thalweg.interop.torch_module import Maker


class Each(nn.Module):
    """Applies each of several functions or layers to the same rows."""

    def __init__(self, *parts, before=None):
        super().__init__()
        self.before = before
        self.parts = nn.ModuleList([part for part in parts if isinstance(part, nn.Module)])
        self.functions = [part for part in parts if not isinstance(part, nn.Module)]
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 24))

    def forward(self, x):
        x = x * self.scale
        x = x if self.before is None else self.before(x)
        return tuple(part(x) for part in [*self.parts, *self.functions])


def layers(*parts, before=None):
    return lambda: Each(*(part() if isinstance(part, type) else part for part in parts), before=before)


IMAGES = {
    "convolutions": lambda: Each(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.Conv2d(2, 4, (1, 2), stride=2, bias=False),
        nn.Conv2d(2, 4, 3, padding="same", groups=2, dilation=2),
        nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1),
        nn.ConvTranspose2d(2, 4, 2, groups=2),
        nn.Sequential(nn.Flatten(2), nn.Conv1d(2, 3, 3)),
        before=lambda x: x.reshape(-1, 2, 3, 4),
    ),
    "norms": lambda: Each(
        nn.BatchNorm2d(4, momentum=0.3),
        nn.GroupNorm(2, 4),
        nn.InstanceNorm2d(4, affine=True),
        nn.LayerNorm([2, 3]),
        nn.RMSNorm(3),
        nn.Sequential(nn.Flatten(2), nn.BatchNorm1d(4, affine=False)),
        before=lambda x: x.reshape(-1, 4, 2, 3),
    ),
    "pooling": lambda: Each(
        nn.MaxPool2d(2),
        nn.MaxPool2d(2, stride=1, padding=1),
        nn.AvgPool2d(2, padding=1, count_include_pad=False),
        nn.AvgPool2d((1, 2)),
        nn.AdaptiveAvgPool2d(1),
        nn.AdaptiveAvgPool2d((2, 3)),
        nn.Sequential(nn.Flatten(2), nn.MaxPool1d(3)),
        before=lambda x: x.reshape(-1, 1, 4, 6),
    ),
}

SERIES = {
    "recurrence": lambda: Each(
        First(nn.GRU(4, 3, batch_first=True)),
        First(nn.LSTM(4, 3, num_layers=2, bidirectional=True, batch_first=True)),
        First(nn.RNN(4, 3, nonlinearity="relu", bias=False, batch_first=True)),
        before=lambda x: x.reshape(-1, 6, 4),
    ),
    "attention": lambda: Each(
        nn.TransformerEncoderLayer(4, 2, 8, batch_first=True),
        nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, norm_first=True, activation="gelu"),
        Attended(nn.MultiheadAttention(4, 2, dropout=0.1, batch_first=True)),
        lambda x: functional.scaled_dot_product_attention(x, x, 2 * x, is_causal=True),
        lambda x: functional.scaled_dot_product_attention(
            x, x, x, torch.ones(6, 6, dtype=torch.bool).triu(), scale=0.3
        ),
        before=lambda x: x.reshape(-1, 6, 4),
    ),
}


class First(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)[0]


class Attended(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x, x, x, need_weights=False)[0]


class Looked(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 3, padding_idx=0)
        self.linear = nn.Linear(24, 2)

    def forward(self, x):
        rows = (x.abs() * 4).long().clamp(0, 9)
        return self.linear(x), self.table(rows)


SERIES["embedding"] = Looked

ELEMENTWISE = {
    "activations": lambda: Each(
        nn.ReLU(inplace=True), nn.GELU(), nn.GELU(approximate="tanh"), nn.SiLU(), nn.ELU(0.7), nn.SELU(), nn.CELU(0.5),
        nn.LeakyReLU(0.2), nn.PReLU(), nn.Softplus(beta=2), nn.Hardtanh(), nn.Tanh(), nn.Sigmoid(), nn.LogSigmoid(),
        nn.Softmax(-1), nn.LogSoftmax(-1), nn.Mish(), nn.Hardswish(), nn.ReLU6(), nn.Softsign(), nn.Dropout(0.5),
        nn.Hardsigmoid(),
    ),
    "losses": lambda: Each(
        lambda x: functional.mse_loss(x, x.flip(1)).expand(x.shape[0]),
        lambda x: functional.l1_loss(x, x.flip(1), reduction="sum").expand(x.shape[0]),
        lambda x: functional.smooth_l1_loss(x, x.flip(1), beta=0.7).expand(x.shape[0]),
        lambda x: functional.huber_loss(x, x.flip(1), delta=0.7).expand(x.shape[0]),
        lambda x: functional.binary_cross_entropy_with_logits(x, x.sigmoid()).expand(x.shape[0]),
        lambda x: functional.mse_loss(x[:, :1].expand_as(x), x, reduction="none"),
    ),
    "arithmetic": lambda: Each(
        lambda x: torch.exp(-x.abs()) + torch.log1p(x * x) - torch.sqrt(x * x + 1),
        lambda x: (x / (2 + x.cos())).clamp(min=-1, max=1) ** 3,
        lambda x: torch.where(x > 0, x, -0.1 * x) + x.sign() * torch.rsqrt(1 + x**2),
        lambda x: x.std(dim=1, keepdim=True) + x.var(1, unbiased=False, keepdim=True) + x.mean((0, 1)),
        lambda x: torch.logsumexp(x, 1) + x.max(dim=1).values + x.amin(1) + x.norm(dim=1) + x.cumsum(1)[:, 3],
        lambda x: torch.einsum("ni,nj->nij", x, x).sum(1) + torch.outer(x[:, 0], x[:2, 1])[:, :1],
        lambda x: x + torch.dot(x[0], x[0]),
        lambda x: torch.sub(x, 1, alpha=2) * torch.lerp(x, 2 * x, 0.3) - torch.addcmul(x, x, x, value=0.5),
        lambda x: x.masked_fill(x < 0, 7.0) + (x @ x.T.contiguous()[:, :1]) / (3 + torch.erf(x)),
    ),
    "shapes": lambda: Each(
        lambda x: torch.cat([x[:, 2:8:2], x.narrow(1, 0, 3)], 1),
        lambda x: torch.stack(x.reshape(-1, 4, 6).permute(0, 2, 1).chunk(3, 1), 1).flatten(1, 2),
        lambda x: functional.pad(x.unsqueeze(1), (2, 1)).squeeze(1),
        lambda x: functional.pad(x[:, None], (1, 2), mode="reflect")[:, 0],
        lambda x: x.flip(1).roll(3, 1).unflatten(1, (4, -1)).transpose(1, 2) + torch.arange(4, dtype=x.dtype),
        lambda x: x.new_zeros(x.shape[0], 2) + x[:, [1, 5]] + torch.gather(x, 1, x[:, :2].long() * 0 + 3),
        lambda x: x.split([4, 20], 1)[1] * x.view(-1, 4, 6).tril()[:, 1, :1].expand(-1, 20).detach(),
        lambda x: x.repeat(1, 2) + x.repeat_interleave(2, 1) + torch.ones_like(x).sum() + x.unbind(1)[3][:, None],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [*IMAGES, *SERIES, *ELEMENTWISE])
def test_operations_agree_in_float64(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "SINGLE", -1.0)  # float32 does not count here
    make = {**IMAGES, **SERIES, **ELEMENTWISE}[name]
    rows = np.random.default_rng(0).normal(size=(4, 24)).astype(np.float32)
    if name == "recurrence":  # PyTorch's own zeros for the first state are float32 whatever the module is
        monkeypatch.setattr(conversion, "SINGLE", 3e-6)
    found, reason = conversion.converted(Maker(name, make), (rows,))
    assert found is not None, reason


def test_a_wrong_conversion_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from thalweg.interop.torch_graphs import interpreter

    def skewed(x, weight, bias=None):
        return x @ weight.T + (0 if bias is None else 1.01 * bias)

    monkeypatch.setitem(interpreter.OPERATIONS, "linear", skewed)
    found, reason = conversion.converted(Maker("net", lambda: nn.Linear(24, 2)), (np.ones((4, 24), np.float32),))
    assert found is None
    assert "differs from PyTorch's in training" in reason


class Unknown(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(24, 4)

    def forward(self, x):
        return torch.special.bessel_j0(self.inner(x))


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(24, 4)

    def forward(self, x):
        y = self.inner(x)
        return y if y.sum() > 0 else -y


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Unknown, "the operation aten.special_bessel_j0 has no counterpart here"),
        (Branching, "torch.export refuses it"),
        (lambda: nn.MaxPool1d(5, ceil_mode=True).requires_grad_(), "pooling with ceil_mode has no counterpart here"),
    ],
)
def test_what_does_not_convert_is_named(make, said: str) -> None:
    if "ceil" in said:
        make = layers(nn.MaxPool1d(5, ceil_mode=True), before=lambda x: x[:, None])
    found, reason = conversion.converted(Maker("net", make), (np.ones((4, 24), np.float32),))
    assert found is None
    assert said in reason
