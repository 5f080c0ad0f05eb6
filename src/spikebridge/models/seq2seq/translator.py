"""Fit and run the network: scaling, batches over recordings, Poisson loss, early stopping by held-out likelihood."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn

from spikebridge.models.base import OnEpoch
from spikebridge.models.parts.baseline import Baseline, fit_baseline
from spikebridge.models.parts.features import join
from spikebridge.models.parts.loop import Schedule, fit_network
from spikebridge.models.seq2seq.network import Network
from spikebridge.models.seq2seq.start import read_in_directions
from spikebridge.types import Windows

Batch = dict[int, Tensor]  # recording number -> window numbers
Start = Callable[[int, Windows, NDArray[np.float64]], None]
GAINS = [k / 20 for k in range(25)]
PSEUDO_SPIKE = 0.05
RATE_FLOOR = 0.02  # spikes per window and unit, so that a unit silent in training keeps a finite log rate


class Translator:
    """Several networks trained side by side, with what they need around them.

    All start from the same linear translator; they differ in the start of their recurrent part and in the noise they
    meet. Rates are the mean over the networks (Hansen & Salamon 1990). Their latents are brought to the axes of the
    first by a linear map and averaged. scale: "<number>.mean", "<number>.std" of a recording's source, (source unit,).
    """

    def __init__(self, params: Any, bin_s: float, device: str) -> None:
        self.params = params
        self.bin_s = bin_s
        self.device = device
        self.recordings: list[str] = []
        self.scale: dict[str, Tensor] = {}
        self.baselines: dict[str, Baseline] = {}
        self.maps: list[Tensor] = []  # of every network but the first: (latent + 1, latent)

    def build(self, units: Mapping[str, tuple[int, int]], seed: int) -> None:
        """Untrained networks for recordings of {name: (source units, target units)}."""
        p = self.params
        self.recordings = list(units)
        with torch.random.fork_rng(devices=[]):  # module initialisers draw from the global state: lend it a seed
            torch.manual_seed(seed)
            causal = p.direction_in_time == "causal"
            self.networks = nn.ModuleList(
                Network(units, p.inputs, p.hidden, p.latents, p.core, causal) for _ in range(p.members)
            )
        self.networks.to(self.device)

    def fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        """Train on all windows, labelled or not."""
        self.build({w.recording: (w.source.shape[2], w.target.shape[2]) for w in train}, int(rng.integers(2**31)))
        self.descend(train, valid, rng, on_epoch, self.networks, self.scale_and_start, self.params.batch)
        self._align(self._tensors(train)[0])

    def descend(
        self,
        train: Sequence[Windows],
        valid: Sequence[Windows],
        rng: np.random.Generator,
        on_epoch: OnEpoch,
        learning: nn.ModuleList,
        start: Start,
        batch: int,
    ) -> None:
        """Baseline, start and gradient steps of these recordings, then their calibration.

        learning: what is learned, one part a network; `start` puts it where the descent begins. batch: windows.
        """
        p = self.params
        generator = torch.Generator(device="cpu").manual_seed(int(rng.integers(2**31)))
        known: Batch = {}
        for i, w in self._numbered(train):
            self.baselines[w.recording], crossed = fit_baseline(w, p.psth, p.drift)
            start(i, w, np.exp(crossed))
            known[i] = torch.from_numpy(crossed.astype(np.float32)).to(self.device)
        x, y = self._tensors(train)
        base = {i: t.mean(dim=(0, 1)).clamp(min=RATE_FLOOR / t.shape[1]) for i, t in y.items()}

        sizes = {i: len(t) for i, t in x.items()}
        steps = max(1, round(sum(sizes.values()) / batch))

        def batches() -> Iterator[Batch]:
            order = {i: torch.randperm(n, generator=generator).tensor_split(steps) for i, n in sizes.items()}
            for step in range(steps):
                yield {i: parts[step] for i, parts in order.items() if len(parts[step])}

        def loss(batch: Any) -> Tensor:
            return torch.stack([one_loss(network, batch) for network in self.members()]).sum()

        def one_loss(network: Network, batch: Batch) -> Tensor:
            pieces = {i: self._augment(x[i][rows], generator) for i, rows in batch.items()}
            n, bins = sum(len(rows) for rows in batch.values()), next(iter(x.values())).shape[1]
            noise = p.noise * torch.randn(n, bins, p.latents, generator=generator).to(self.device)
            latents = network.encode(pieces, noise)
            modulations = network.decode(latents, {i: len(rows) for i, rows in batch.items()})
            nats = torch.zeros((), device=self.device)
            spikes = torch.zeros((), device=self.device)
            for (i, rows), modulation in zip(batch.items(), modulations, strict=True):
                counts, log_rate = y[i][rows], modulation + known[i][rows]
                nats = nats + (log_rate.exp() - counts * log_rate).sum() - (base[i] - counts * base[i].log()).sum()
                spikes = spikes + counts.sum()
                nats = nats + p.rate_penalty * (modulation - cast(nn.Linear, network.read_out[i]).bias).square().sum()
            return nats / spikes.clamp(min=1.0)

        score = self._scorer(valid, base) if any(len(w) for w in valid) else None
        schedule = Schedule(p.epochs, p.rate, p.weight_decay, p.patience)
        fit_network(learning, batches, steps, loss, score, schedule, on_epoch, list(learning))
        self._calibrate(train, valid)

    def run(self, windows: Windows, chunk: int = 1024) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Latents (window, bin, latent) and expected target counts (window, bin, unit)."""
        i = self.recordings.index(windows.recording)
        known = self._known(windows)
        self.networks.eval()
        latents, rates = [], []
        with torch.no_grad():
            for start in range(0, max(len(windows), 1), chunk):
                x = self._scaled(i, windows.source[start : start + chunk])
                each = [network.encode({i: x}) for network in self.members()]
                latents.append(self._together(each).cpu().numpy())
                rates.append(self._rates(i, each, known[start : start + chunk]).cpu().numpy())
        return np.concatenate(latents), np.concatenate(rates)

    def sensitivity(self, windows: Windows) -> NDArray[np.float64]:
        """(source unit, latent): how far one spike more in every bin of a unit moves a latent, mean over windows, bins.

        The Jacobian summed over time lags: mean_t sum_s d z_k(t) / d c_u(s). Smoothing leaves a constant as it is.
        """
        i = self.recordings.index(windows.recording)
        x = self._scaled(i, windows.source).requires_grad_()
        z = self._together([network.encode({i: x}) for network in self._members()]).mean(dim=(0, 1))
        rows = [torch.autograd.grad(one, x, retain_graph=True)[0].sum(dim=(0, 1)) for one in z]
        return np.asarray((torch.stack(rows, dim=1) / self.scale[f"{i}.std"][:, None]).cpu(), dtype=np.float64)

    def without_source(self, windows: Windows) -> NDArray[np.float32]:
        """Expected target counts (window, bin, unit) of the baseline alone: mean rate, window-locked mean and drift."""
        baseline = self.baselines[windows.recording]
        mean = np.maximum(baseline.totals.mean(axis=0), RATE_FLOOR) / windows.n_bins
        return np.asarray(mean * np.exp(baseline.log_gain(windows)), dtype=np.float32)

    def members(self) -> list[Network]:
        return [cast(Network, network) for network in self.networks]

    def _rates(self, i: int, latents: Sequence[Tensor], known: Tensor) -> Tensor:
        """(window, bin, target unit), expected counts, mean over the networks. latents: each one's."""
        each = [
            (network.decode(z, {i: len(z)})[0] + known).exp()
            for network, z in zip(self.members(), latents, strict=True)
        ]
        return torch.stack(each).mean(dim=0)

    def _together(self, latents: Sequence[Tensor]) -> Tensor:
        """The networks' latents on the axes of the first, averaged."""
        turned = [z @ m[:-1] + m[-1] for z, m in zip(latents[1:], self.maps, strict=True)]
        return torch.stack([latents[0], *turned]).mean(dim=0)

    def _align(self, x: Batch) -> None:
        """Least-squares maps of each network's latents in the training windows onto those of the first."""
        self.networks.eval()
        with torch.no_grad():
            first, *others = [network.encode(x).flatten(0, 1).double() for network in self.members()]
            ones = torch.ones(len(first), 1, dtype=first.dtype, device=first.device)
            self.maps = [
                torch.linalg.lstsq(torch.cat([z, ones], 1), first).solution.float().contiguous() for z in others
            ]

    def _known(self, w: Windows) -> Tensor:
        """(window, bin, target unit), log gain of the baseline."""
        gain = self.baselines[w.recording].log_gain(w)
        return torch.from_numpy(gain.astype(np.float32)).to(self.device)

    def _calibrate(self, train: Sequence[Windows], valid: Sequence[Windows]) -> None:
        """Shrink each recording's predictions as far as `valid` asks for, learn the baseline from `valid` too, and
        match every unit's mean rate.

        The gain g of log rate = bias + baseline + g * modulation, from 0 (nothing to translate) to 1.2, is the one
        under which `valid` is most likely given a free bias, and a baseline that has not seen it. The bias then fits
        the mean over both: the more of the recording it has seen the better. Both are folded into the read-out.
        """
        p = self.params
        held = {w.recording: w for w in valid}
        self.networks.eval()
        for i, w in self._numbered(train):
            scored = held.get(w.recording)
            gains = [1.0] * p.members
            if scored is not None and len(scored):
                known = self._known(scored)
                gains = [self._gain(network, i, scored, known) for network in self.members()]
            both = join(w, scored)
            self.baselines[w.recording], crossed = fit_baseline(both, p.psth, p.drift)
            log_gain = torch.from_numpy(crossed.astype(np.float32)).to(self.device)
            for network, gain in zip(self.members(), gains, strict=True):
                read_out = cast(nn.Linear, network.read_out[i])
                read_out.weight.data.mul_(gain)
                modulation, counts = self._modulation(network, i, both)
                expected = (modulation + log_gain).exp().sum(dim=(0, 1))
                spikes = counts.sum(dim=(0, 1))
                read_out.bias.data.copy_(torch.log((spikes + PSEUDO_SPIKE) / (expected + PSEUDO_SPIKE)))

    def _gain(self, network: Network, i: int, w: Windows, known: Tensor) -> float:
        modulation, counts = self._modulation(network, i, w)
        return max(GAINS, key=lambda g: _profile_likelihood(g * modulation + known, counts))

    def _modulation(self, network: Network, i: int, w: Windows) -> tuple[Tensor, Tensor]:
        """Log rate without bias and baseline, and the counts, both (window, bin, target unit)."""
        with torch.no_grad():
            x = self._scaled(i, w.source)
            log_rate = network.decode(network.encode({i: x}), {i: len(x)})[0]
            counts = torch.from_numpy(w.target.astype(np.float32)).to(self.device)
            return log_rate - cast(nn.Linear, network.read_out[i]).bias, counts

    def _tensors(self, windows: Sequence[Windows]) -> tuple[Batch, Batch]:
        some = [(i, w) for i, w in self._numbered(windows) if len(w)]
        x = {i: self._scaled(i, w.source) for i, w in some}
        y = {i: torch.from_numpy(w.target.astype(np.float32)).to(self.device) for i, w in some}
        return x, y

    def _numbered(self, windows: Sequence[Windows]) -> list[tuple[int, Windows]]:
        return [(self.recordings.index(w.recording), w) for w in windows]

    def _scaled(self, i: int, counts: NDArray[Any]) -> Tensor:
        x = torch.from_numpy(self._smooth(counts)).to(self.device)
        return (x - self.scale[f"{i}.mean"]) / self.scale[f"{i}.std"]

    def _smooth(self, counts: NDArray[Any]) -> NDArray[np.float32]:
        """Counts as they enter the network: half a kernel's width of noise less."""
        return gaussian_filter1d(
            counts.astype(np.float32), self.params.smoothing_s / self.bin_s, axis=1, mode="nearest"
        )

    def _augment(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Drop whole units of a window: no latent may lean on one unit."""
        if self.params.dropout == 0:
            return x
        keep = torch.rand(len(x), 1, x.shape[2], generator=generator).to(self.device) >= self.params.dropout
        return x * keep / (1 - self.params.dropout)

    def scale_and_start(self, i: int, w: Windows, known: NDArray[np.float64]) -> None:
        """Scale by the training windows' mean and SD; start the read-in at the linear translator.

        known: (window, bin, target unit), gain of the baseline: the linear translator is fitted to what it leaves.
        """
        source, target = self._smooth(w.source), w.target.astype(np.float32)
        mean, std = source.mean(axis=(0, 1)), np.maximum(source.std(axis=(0, 1)), 0.05)
        self.scale[f"{i}.mean"] = torch.from_numpy(mean).to(self.device)
        self.scale[f"{i}.std"] = torch.from_numpy(std).to(self.device)
        rate, spread = target.mean(axis=(0, 1)), np.maximum(target.std(axis=(0, 1)), 0.05)
        start, weights = read_in_directions(
            (source - mean) / std,
            (target - rate * known / known.mean(axis=(0, 1))) / spread,
            self.params.smoothing_s / w.bin_s,
            self.params.inputs,
            self.params.start_penalty,
        )
        rate = np.maximum(rate, RATE_FLOOR / w.n_bins)
        # At the start the latents are the leading linear predictors and the rates what they predict.
        n = min(self.params.latents, self.params.inputs)
        with torch.no_grad():
            for network in self.members():
                read_in, read_out = cast(nn.Linear, network.read_in[i]), cast(nn.Linear, network.read_out[i])
                read_in.weight.copy_(torch.from_numpy(start.T))
                read_in.bias.zero_()
                read_out.weight.zero_()
                read_out.weight[:, :n].copy_(torch.from_numpy((weights[:n] * spread / rate).T))
                read_out.bias.copy_(torch.from_numpy(np.log(rate)))

    def _scorer(self, valid: Sequence[Windows], base: Batch) -> Any:
        x, y = self._tensors(valid)
        spikes = sum(float(t.sum()) for t in y.values())
        known = {i: self._known(w) for i, w in self._numbered(valid) if len(w)}

        def score() -> dict[str, float]:
            nats = 0.0
            for i, xi in x.items():
                rates = self._rates(i, [network.encode({i: xi}) for network in self.members()], known[i])
                nats += float((y[i] * (rates.log() - base[i].log()) - (rates - base[i])).sum())
            gain_per_spike = nats / max(spikes, 1.0)
            return {"valid_loss": -gain_per_spike, "valid_bits_per_spike": gain_per_spike / float(np.log(2))}

        return score


def _profile_likelihood(modulation: Tensor, counts: Tensor) -> float:
    """Poisson log likelihood, up to a constant, with every unit's bias at its best."""
    spikes = counts.sum(dim=(0, 1))
    return float((counts * modulation).sum() - (spikes * modulation.exp().sum(dim=(0, 1)).log()).sum())
