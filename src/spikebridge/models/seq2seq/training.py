"""Training of a translator: Poisson loss, early stopping by held-out likelihood, calibration, common latent axes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spikebridge.baseline import MIN_SPIKES
from spikebridge.models.base import OnEpoch
from spikebridge.models.parts.features import join
from spikebridge.models.parts.loop import Schedule, fit_network
from spikebridge.models.seq2seq.cross_fitting import N_PARTS, Held, Parts, cut, held_out, is_cut, learns
from spikebridge.models.seq2seq.dataset import Batch, RecordingDataset, chunks, epoch_rows, in_memory
from spikebridge.models.seq2seq.followed import keep_followed
from spikebridge.models.seq2seq.initialization import initialize
from spikebridge.models.seq2seq.network import Modulated, Network, modulation_scale, poisson_loss
from spikebridge.models.seq2seq.translator import MIN_WINDOW_SPIKES, Translator
from spikebridge.types import Windows

MAX_KEPT_BYTES = 2**29
"""Of the windows that are kept in memory as the networks take them; the others are computed for each step."""
Totals = NDArray[np.float64]
"""(window,), a sum over its bins and units."""
AVERAGE_EPOCHS = 1.0  # of training: the weights that are scored and kept are their running mean


@dataclass(frozen=True)
class Step:
    """The windows of one step of training.

    batches: recording number -> windows. spikes: of the target in all of them. nats: negative log likelihood of these
    at the mean rates, up to a constant.
    """

    batches: Mapping[int, Batch]
    spikes: float
    nats: float


def fit_translator(
    translator: Translator, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator,
    on_epoch: OnEpoch,
) -> None:  # fmt: skip
    """Build and train on all windows, labelled or not. Counts are read from where they lie, a batch at a time."""
    sizes = {w.recording: (w.source.shape[2], w.target.shape[2]) for w in train}
    translator.build(sizes, int(rng.integers(2**31)))
    learned, batch_size = translator.networks, translator.params.batch_size
    datasets, held = train_recordings(translator, train, valid, rng, on_epoch, learned, batch_size)
    for network, own in zip(translator.members(), held, strict=True):
        keep_followed(network, datasets, own)
    calibrate_modulation(translator, train, valid, held)
    align_latents(translator, datasets.values())


def train_recordings(
    translator: Translator,
    train: Sequence[Windows],
    valid: Sequence[Windows],
    rng: np.random.Generator,
    on_epoch: OnEpoch,
    learned: nn.ModuleList,
    batch_size: int,
) -> tuple[dict[int, RecordingDataset], list[Held]]:
    """Baseline, initial weights and gradient steps of these recordings. Calibrate them afterwards.

    learned: the modules that are trained, one per network; the others stay as they are. batch_size: windows.
    Returns the windows that were learned from, and those that each network holds out.
    """
    p = translator.params
    generator = torch.Generator(device="cpu").manual_seed(int(rng.integers(2**31)))
    windows, named = cut(train, valid, p.n_members)
    parts = {translator.recordings.index(name): part for name, part in named.items()}
    datasets, mean_rates, spikes, nats = {}, {}, {}, {}
    for i, w in translator.numbered(windows):
        translator.baselines[w.recording], crossed = translator.fits.fit(w)
        initialize(translator, i, w, crossed, parts[i])
        datasets[i] = translator.dataset(w, crossed)
        totals = translator.baselines[w.recording].totals  # (window, unit)
        rates = np.maximum(totals.mean(axis=0), MIN_WINDOW_SPIKES) / w.n_bins
        spikes[i], nats[i] = totals.sum(axis=1), w.n_bins * rates.sum() - totals @ np.log(rates)
        mean_rates[i] = torch.from_numpy(rates.astype(np.float32)).to(translator.device)
    datasets = in_memory(datasets, MAX_KEPT_BYTES)
    sizes = {i: len(dataset) for i, dataset in datasets.items()}
    steps = len(epoch_rows(sizes, batch_size, torch.Generator()))

    def epoch() -> Iterator[Sequence[Step]]:
        for rows in epoch_rows(sizes, batch_size, generator):
            batches = {i: datasets[i].batch(of_recording) for i, of_recording in rows.items()}
            counted = {i: (spikes[i][r], nats[i][r], parts[i][r]) for i, r in rows.items()}
            yield _steps(batches, counted, p.n_members)

    def loss(steps: Any) -> Tensor:
        each = zip(translator.members(), steps, strict=True)
        return torch.stack([_nats_per_spike(translator, n, step, generator) for n, step in each]).sum()

    held = held_out(datasets, parts, [(i, translator.dataset(w)) for i, w in translator.numbered(valid)], p.n_members)
    score = _scorer(translator, held, mean_rates) if any(held) else None
    schedule = Schedule(p.max_epochs, p.learning_rate, p.weight_decay, p.patience, average_epochs=AVERAGE_EPOCHS)
    fit_network(learned, epoch, steps, loss, score, schedule, on_epoch, list(learned))
    return datasets, held


def _steps(
    batches: Mapping[int, Batch], counted: Mapping[int, tuple[Totals, Totals, Parts]], n_members: int
) -> Sequence[Step]:
    """What each network learns from in one step. counted: spikes, nats and part of each window of a recording."""
    if not is_cut({i: part for i, (_, _, part) in counted.items()}):
        spikes, nats = (float(sum(c[k].sum() for c in counted.values())) for k in (0, 1))
        return [Step(batches, spikes, nats)] * n_members
    out = []
    for m in range(n_members):
        keep = {i: learns(part, m) for i, (_, _, part) in counted.items()}
        spikes, nats = (float(sum(c[k][keep[i]].sum() for i, c in counted.items())) for k in (0, 1))
        out.append(Step({i: batch.select(keep[i]) for i, batch in batches.items()}, spikes, nats))
    return out


def _nats_per_spike(translator: Translator, network: Network, step: Step, generator: torch.Generator) -> Tensor:
    """Negative log likelihood per spike relative to the mean rates, with unit dropout and noise in the bottleneck."""
    p, device = translator.params, translator.device
    inputs = {i: _drop_units(translator, batch.x, generator) for i, batch in step.batches.items()}
    n, bins = sum(len(x) for x in inputs.values()), next(iter(inputs.values())).shape[1]
    noise = p.noise_sd * torch.randn(n, bins, p.n_latents, generator=generator).to(device)
    modulations = network.decode(network.encode(inputs, noise), {i: len(x) for i, x in inputs.items()})
    nats = torch.full((), -step.nats, device=device)
    for (i, batch), modulation in zip(step.batches.items(), modulations, strict=True):
        bias = cast(nn.Linear, network.read_out[i]).bias
        nats = nats + poisson_loss(modulation, batch.log_offset, batch.y, bias, p.rate_modulation_penalty)
    return nats / max(step.spikes, 1.0)


def _drop_units(translator: Translator, x: Tensor, generator: torch.Generator) -> Tensor:
    """Dropout of whole units of a window, so that no latent depends on one unit alone."""
    dropout = translator.params.dropout
    if dropout == 0:
        return x
    keep = torch.rand(len(x), 1, x.shape[2], generator=generator) >= dropout
    return x * (keep.float() / (1 - dropout)).to(translator.device)


def _scorer(
    translator: Translator, held: Sequence[Held], mean_rates: Mapping[int, Tensor]
) -> Callable[[], dict[str, float]]:
    """Bits/spike of what each network holds out, with the current weights."""

    def score() -> dict[str, float]:
        nats, spikes = 0.0, 0.0
        for network, own in zip(translator.members(), held, strict=True):
            for i, dataset in own.items():
                base = mean_rates[i]
                for batch in dataset.batches(translator.params.batch_size):
                    log_rate = network.decode(network.encode({i: batch.x}), {i: len(batch.x)})[0] + batch.log_offset
                    nats += float((batch.y * (log_rate - base.log()) - (log_rate.exp() - base)).sum())
                    spikes += float(batch.y.sum())
        nats_per_spike = nats / max(spikes, 1.0)
        return {"valid_loss": -nats_per_spike, "valid_bits_per_spike": nats_per_spike / float(np.log(2))}

    return score


def calibrate_modulation(
    translator: Translator, train: Sequence[Windows], valid: Sequence[Windows], held: Sequence[Held]
) -> None:
    """Scale each recording's modulation by what is held out, fit the baseline to all, and match every unit's mean rate.

    The scale s of log rate = bias + log offset + s * modulation, one of SCALES, is the one of highest likelihood of
    the windows `held` by each network, with a free bias, under a baseline that was not fitted to them; networks that
    hold out different windows share it. The bias is then fitted to the mean over train and valid together. Both are
    folded into the read-out.
    """
    later = {w.recording: w for w in valid}
    translator.networks.eval()
    for i, w in translator.numbered(train):
        scales = _scales(translator, i, held)
        both = join(w, later.get(w.recording))
        translator.baselines[w.recording], crossed = translator.fits.fit(both)
        spikes = torch.from_numpy(translator.baselines[w.recording].totals.sum(axis=0))
        dataset = translator.dataset(both, crossed)
        for network, scale in zip(translator.members(), scales, strict=True):
            read_out = cast(nn.Linear, network.read_out[i])
            read_out.weight.data.mul_(scale)
            parts = [(m + offset).exp().sum(dim=(0, 1)) for m, offset, _ in _modulated(network, i, dataset)]
            expected = torch.stack(parts).sum(dim=0)
            read_out.bias.data.copy_((spikes.to(expected).clamp(min=MIN_SPIKES) / expected.clamp(min=MIN_SPIKES)).log())


def _scales(translator: Translator, i: int, held: Sequence[Held]) -> list[float]:
    """Of the modulation of recording i in every network. Where parts are held out, every window is judged by once."""
    each = [
        list(_modulated(n, i, own[i])) if i in own else [] for n, own in zip(translator.members(), held, strict=True)
    ]
    if not any(each):
        return [1.0] * len(each)
    if held[0] is held[-1]:
        return [modulation_scale(batches) for batches in each]
    return [modulation_scale(chain.from_iterable(each[:N_PARTS]))] * len(each)


def _modulated(network: Network, i: int, dataset: RecordingDataset) -> Iterator[Modulated]:
    bias = cast(nn.Linear, network.read_out[i]).bias
    for batch in dataset.batches():
        with torch.no_grad():
            log_rate = network.decode(network.encode({i: batch.x}), {i: len(batch.x)})[0]
            yield log_rate - bias, batch.log_offset, batch.y


def align_latents(translator: Translator, datasets: Iterable[RecordingDataset]) -> None:
    """Fit the maps of each network's latents in the training windows to those of the first, by least squares."""
    size, others = translator.params.n_latents, range(1, translator.params.n_members)
    device = translator.device
    grams = [torch.zeros(size + 1, size + 1, dtype=torch.double, device=device) for _ in others]
    crosses = [torch.zeros(size + 1, size, dtype=torch.double, device=device) for _ in others]
    translator.networks.eval()
    with torch.no_grad():
        for dataset in datasets if translator.params.n_members > 1 else ():
            i = translator.recordings.index(dataset.windows.recording)
            for rows in chunks(len(dataset)):
                x = dataset.inputs(rows)
                first, *rest = [network.encode({i: x}).flatten(0, 1).double() for network in translator.members()]
                for z, gram, cross in zip(rest, grams, crosses, strict=True):
                    z = nn.functional.pad(z, (0, 1), value=1.0)
                    gram += z.T @ z
                    cross += z.T @ first
    translator.maps = [
        (torch.linalg.pinv(gram, hermitian=True) @ cross).float().contiguous()  # latents may be constant
        for gram, cross in zip(grams, crosses, strict=True)
    ]
