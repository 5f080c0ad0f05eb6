"""Fit and run the network: scaling, batches over recordings, Poisson loss, early stopping by held-out likelihood."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spikebridge.models.base import OnEpoch
from spikebridge.models.parts.baseline import Baseline, LogGain, fit_baseline
from spikebridge.models.parts.features import join
from spikebridge.models.parts.loop import Schedule, fit_network
from spikebridge.models.seq2seq.dataset import Piece, Stream, batches, chunks
from spikebridge.models.seq2seq.likelihood import poisson_loss
from spikebridge.models.seq2seq.modulation_gain import Modulated, best_gain
from spikebridge.models.seq2seq.network import Network
from spikebridge.models.seq2seq.start import linear_start
from spikebridge.types import Windows

Batch = Mapping[int, Piece]  # recording number -> windows
Start = Callable[[int, Windows, LogGain], None]
GAINS = [k / 20 for k in range(25)]
AVERAGE_EPOCHS = 1.0  # of training: the weights that are scored and kept are their running mean
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
            causal = p.causal
            self.networks = nn.ModuleList(
                Network(units, p.input_size, p.hidden_size, p.n_latents, p.core, causal) for _ in range(p.n_members)
            )
        self.networks.to(self.device)

    def fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        """Train on all windows, labelled or not. Counts are read from where they lie, a batch at a time."""
        self.build({w.recording: (w.source.shape[2], w.target.shape[2]) for w in train}, int(rng.integers(2**31)))
        streams = self.descend(train, valid, rng, on_epoch, self.networks, self.scale_and_start, self.params.batch_size)
        self._align(streams)

    def descend(
        self,
        train: Sequence[Windows],
        valid: Sequence[Windows],
        rng: np.random.Generator,
        on_epoch: OnEpoch,
        learning: nn.ModuleList,
        start: Start,
        batch: int,
    ) -> list[Stream]:
        """Baseline, start and gradient steps of these recordings, then their calibration; the streams of `train`.

        learning: what is learned, one part a network; `start` puts it where the descent begins. batch: windows.
        """
        p = self.params
        generator = torch.Generator(device="cpu").manual_seed(int(rng.integers(2**31)))
        streams, base = {}, {}
        for i, w in self._numbered(train):
            self.baselines[w.recording], crossed = fit_baseline(w, p.psth, p.drift)
            start(i, w, crossed)
            streams[i] = self._stream(i, w, crossed)
            rates = self.baselines[w.recording].totals.mean(axis=0) / w.n_bins
            base[i] = torch.from_numpy(rates.astype(np.float32)).to(self.device).clamp(min=RATE_FLOOR / w.n_bins)
        sizes = {i: len(stream) for i, stream in streams.items()}
        steps = len(batches(sizes, batch, torch.Generator()))

        def epoch() -> Iterator[Batch]:
            for step in batches(sizes, batch, generator):
                yield {i: streams[i].piece(rows) for i, rows in step.items()}

        def loss(batch: Any) -> Tensor:
            return torch.stack([one_loss(network, batch) for network in self.members()]).sum()

        def one_loss(network: Network, batch: Batch) -> Tensor:
            pieces = {i: self._augment(piece.x, generator) for i, piece in batch.items()}
            n, bins = sum(len(x) for x in pieces.values()), next(iter(pieces.values())).shape[1]
            noise = p.noise_sd * torch.randn(n, bins, p.n_latents, generator=generator).to(self.device)
            latents = network.encode(pieces, noise)
            modulations = network.decode(latents, {i: len(x) for i, x in pieces.items()})
            nats = torch.zeros((), device=self.device)
            spikes = torch.zeros((), device=self.device)
            for (i, piece), modulation in zip(batch.items(), modulations, strict=True):
                bias = cast(nn.Linear, network.read_out[i]).bias
                per_unit = piece.y.sum(dim=(0, 1))
                nats = nats + poisson_loss(modulation, piece.known, piece.y, bias, p.modulation_penalty)
                nats = nats - (len(piece.y) * bins * base[i] - per_unit * base[i].log()).sum()
                spikes = spikes + per_unit.sum()
            return nats / spikes.clamp(min=1.0)

        score = self._scorer(valid, base) if any(len(w) for w in valid) else None
        schedule = Schedule(p.max_epochs, p.learning_rate, p.weight_decay, p.patience, average_epochs=AVERAGE_EPOCHS)
        fit_network(learning, epoch, steps, loss, score, schedule, on_epoch, list(learning))
        self._calibrate(train, valid)
        return list(streams.values())

    def run(self, windows: Windows, chunk: int = 1024) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Latents (window, bin, latent) and expected target counts (window, bin, unit)."""
        i, stream = self.recordings.index(windows.recording), self.stream_of(windows)
        self.networks.eval()
        latents, rates = [], []
        with torch.no_grad():
            for rows in chunks(len(windows), chunk) if len(windows) else [slice(0)]:
                x, known = stream.inputs(rows), stream.known(rows)
                each = [network.encode({i: x}) for network in self.members()]
                latents.append(self._together(each).cpu().numpy())
                rates.append(self._rates(i, each, known).cpu().numpy())
        return np.concatenate(latents), np.concatenate(rates)

    def latents(self, windows: Windows) -> NDArray[np.float32]:
        """The latents of `run`, (window, bin, latent), without the rates."""
        stream = self.stream_of(windows)
        found = np.empty((len(windows), windows.n_bins, self.params.n_latents), np.float32)
        self.networks.eval()
        with torch.no_grad():
            for rows in chunks(len(windows)):
                found[rows] = self.encoded(windows.recording, stream.inputs(rows)).cpu().numpy()
        return found

    def stream_of(self, windows: Windows) -> Stream:
        """The windows of a known recording as the networks meet them."""
        i = self.recordings.index(windows.recording)
        return self._stream(i, windows, self.baselines[windows.recording].gain(windows))

    def scale_of(self, recording: str) -> tuple[Tensor, Tensor]:
        """Mean and SD (source unit,) of the smoothed counts of a recording in training."""
        i = self.recordings.index(recording)
        return self.scale[f"{i}.mean"], self.scale[f"{i}.std"]

    def encoded(self, recording: str, x: Tensor) -> Tensor:
        """(window, bin, latent), from inputs as `stream_of` gives them; differentiable."""
        i = self.recordings.index(recording)
        return self._together([network.encode({i: x}) for network in self.members()])

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

    def _align(self, streams: Iterable[Stream]) -> None:
        """Least-squares maps of each network's latents in the training windows onto those of the first."""
        size, others = self.params.n_latents, range(1, self.params.n_members)
        grams = [torch.zeros(size + 1, size + 1, dtype=torch.double, device=self.device) for _ in others]
        crosses = [torch.zeros(size + 1, size, dtype=torch.double, device=self.device) for _ in others]
        self.networks.eval()
        with torch.no_grad():
            for stream in streams if self.params.n_members > 1 else ():
                i = self.recordings.index(stream.windows.recording)
                for rows in chunks(len(stream)):
                    x = stream.inputs(rows)
                    first, *rest = [network.encode({i: x}).flatten(0, 1).double() for network in self.members()]
                    for z, gram, cross in zip(rest, grams, crosses, strict=True):
                        z = torch.nn.functional.pad(z, (0, 1), value=1.0)
                        gram += z.T @ z
                        cross += z.T @ first
        self.maps = [
            torch.linalg.lstsq(gram, cross).solution.float().contiguous()
            for gram, cross in zip(grams, crosses, strict=True)
        ]

    def _stream(self, i: int, w: Windows, gain: LogGain) -> Stream:
        mean, std = self.scale[f"{i}.mean"], self.scale[f"{i}.std"]
        return Stream(w, gain, mean, std, self.params.smoothing_s / self.bin_s, self.device)

    def _numbered(self, windows: Sequence[Windows]) -> list[tuple[int, Windows]]:
        return [(self.recordings.index(w.recording), w) for w in windows]

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
            gains = [1.0] * p.n_members
            if scored is not None and len(scored):
                stream = self._stream(i, scored, self.baselines[w.recording].gain(scored))
                gains = [best_gain(self._modulated(network, i, stream), GAINS) for network in self.members()]
            both = join(w, scored)
            self.baselines[w.recording], crossed = fit_baseline(both, p.psth, p.drift)
            spikes = torch.from_numpy(self.baselines[w.recording].totals.sum(axis=0))
            stream = self._stream(i, both, crossed)
            for network, gain in zip(self.members(), gains, strict=True):
                read_out = cast(nn.Linear, network.read_out[i])
                read_out.weight.data.mul_(gain)
                expected = sum((m + known).exp().sum(dim=(0, 1)) for m, known, _ in self._modulated(network, i, stream))
                read_out.bias.data.copy_(torch.log((spikes.to(expected) + PSEUDO_SPIKE) / (expected + PSEUDO_SPIKE)))

    def _modulated(self, network: Network, i: int, stream: Stream) -> Iterator[Modulated]:
        bias = cast(nn.Linear, network.read_out[i]).bias
        for piece in stream.pieces():
            with torch.no_grad():
                log_rate = network.decode(network.encode({i: piece.x}), {i: len(piece.x)})[0]
                yield log_rate - bias, piece.known, piece.y

    def _augment(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Drop whole units of a window: no latent may lean on one unit."""
        if self.params.dropout == 0:
            return x
        keep = torch.rand(len(x), 1, x.shape[2], generator=generator).to(self.device) >= self.params.dropout
        return x * keep / (1 - self.params.dropout)

    def scale_and_start(self, i: int, w: Windows, gain: LogGain) -> None:
        """Scale by the training windows' mean and SD; start the read-in at the linear translator.

        gain: of the baseline in w: the linear translator is fitted to what it leaves.
        """
        p = self.params
        start = linear_start(w, gain, p.smoothing_s / w.bin_s, p.input_size, p.init_penalty)
        self.scale[f"{i}.mean"] = torch.from_numpy(start.mean.astype(np.float32)).to(self.device)
        self.scale[f"{i}.std"] = torch.from_numpy(start.spread.astype(np.float32)).to(self.device)
        rate = np.maximum(start.rate, RATE_FLOOR / w.n_bins)
        # At the start the latents are the leading linear predictors and the rates what they predict.
        n = min(p.n_latents, p.input_size)
        with torch.no_grad():
            for network in self.members():
                read_in, read_out = cast(nn.Linear, network.read_in[i]), cast(nn.Linear, network.read_out[i])
                read_in.weight.copy_(torch.from_numpy(start.directions.T))
                read_in.bias.zero_()
                read_out.weight.zero_()
                read_out.weight[:, :n].copy_(torch.from_numpy((start.weights[:n] * start.target_spread / rate).T))
                read_out.bias.copy_(torch.from_numpy(np.log(rate)))

    def _scorer(self, valid: Sequence[Windows], base: Mapping[int, Tensor]) -> Callable[[], dict[str, float]]:
        """Bits/spike of `valid` as the networks stand."""
        held = [
            (i, self._stream(i, w, self.baselines[w.recording].gain(w))) for i, w in self._numbered(valid) if len(w)
        ]

        def score() -> dict[str, float]:
            nats, spikes = 0.0, 0.0
            for i, stream in held:
                for piece in stream.pieces(self.params.batch_size):
                    rates = self._rates(i, [n.encode({i: piece.x}) for n in self.members()], piece.known)
                    nats += float((piece.y * (rates.log() - base[i].log()) - (rates - base[i])).sum())
                    spikes += float(piece.y.sum())
            gain_per_spike = nats / max(spikes, 1.0)
            return {"valid_loss": -gain_per_spike, "valid_bits_per_spike": gain_per_spike / float(np.log(2))}

        return score
