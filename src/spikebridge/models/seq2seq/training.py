"""Training of a translator: Poisson loss, early stopping by held-out likelihood, calibration, common latent axes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from spikebridge.baseline import MIN_SPIKES
from spikebridge.models.base import OnEpoch
from spikebridge.models.parts.features import join
from spikebridge.models.parts.loop import Schedule, fit_network
from spikebridge.models.seq2seq.cross_fitting import Held, cut, held_out, of_members
from spikebridge.models.seq2seq.dataset import Batch, RecordingDataset, chunks, epoch_rows
from spikebridge.models.seq2seq.followed import keep_followed
from spikebridge.models.seq2seq.initialization import initialize
from spikebridge.models.seq2seq.network import Modulated, Network, best_scale, poisson_loss
from spikebridge.models.seq2seq.translator import MIN_WINDOW_SPIKES, Translator
from spikebridge.types import Windows

Batches = Mapping[int, Batch]
"""Recording number -> windows of one step."""
AVERAGE_EPOCHS = 1.0  # of training: the weights that are scored and kept are their running mean


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
    calibrate(translator, train, valid, held)
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
    datasets, mean_rates = {}, {}
    for i, w in translator.numbered(windows):
        translator.baselines[w.recording], crossed = translator.fits.fit(w)
        initialize(translator, i, w, crossed, parts[i])
        datasets[i] = translator.dataset(w, crossed)
        rates = translator.baselines[w.recording].totals.mean(axis=0) / w.n_bins
        rates = torch.from_numpy(rates.astype(np.float32)).to(translator.device)
        mean_rates[i] = rates.clamp(min=MIN_WINDOW_SPIKES / w.n_bins)
    sizes = {i: len(dataset) for i, dataset in datasets.items()}
    steps = len(epoch_rows(sizes, batch_size, torch.Generator()))

    def epoch() -> Iterator[Sequence[Batches]]:
        for step in epoch_rows(sizes, batch_size, generator):
            yield of_members({i: (datasets[i].batch(rows), parts[i][rows]) for i, rows in step.items()}, p.n_members)

    def loss(batches: Any) -> Tensor:
        each = zip(translator.members(), batches, strict=True)
        return torch.stack([_nats_per_spike(translator, n, own, mean_rates, generator) for n, own in each]).sum()

    held = held_out(datasets, parts, [(i, translator.dataset(w)) for i, w in translator.numbered(valid)], p.n_members)
    score = _scorer(translator, held, mean_rates) if any(held) else None
    schedule = Schedule(p.max_epochs, p.learning_rate, p.weight_decay, p.patience, average_epochs=AVERAGE_EPOCHS)
    fit_network(learned, epoch, steps, loss, score, schedule, on_epoch, list(learned))
    return datasets, held


def _nats_per_spike(
    translator: Translator, network: Network, batches: Batches, mean_rates: Mapping[int, Tensor],
    generator: torch.Generator,
) -> Tensor:  # fmt: skip
    """Negative log likelihood per spike relative to the mean rates, with unit dropout and noise in the bottleneck."""
    p, device = translator.params, translator.device
    inputs = {i: _drop_units(translator, batch.x, generator) for i, batch in batches.items()}
    n, bins = sum(len(x) for x in inputs.values()), next(iter(inputs.values())).shape[1]
    noise = p.noise_sd * torch.randn(n, bins, p.n_latents, generator=generator).to(device)
    modulations = network.decode(network.encode(inputs, noise), {i: len(x) for i, x in inputs.items()})
    nats, spikes = torch.zeros((), device=device), torch.zeros((), device=device)
    for (i, batch), modulation in zip(batches.items(), modulations, strict=True):
        bias = cast(nn.Linear, network.read_out[i]).bias
        per_unit = batch.y.sum(dim=(0, 1))
        nats = nats + poisson_loss(modulation, batch.log_offset, batch.y, bias, p.rate_modulation_penalty)
        nats = nats - (len(batch.y) * bins * mean_rates[i] - per_unit * mean_rates[i].log()).sum()
        spikes = spikes + per_unit.sum()
    return nats / spikes.clamp(min=1.0)


def _drop_units(translator: Translator, x: Tensor, generator: torch.Generator) -> Tensor:
    """Dropout of whole units of a window, so that no latent depends on one unit alone."""
    dropout = translator.params.dropout
    if dropout == 0:
        return x
    keep = torch.rand(len(x), 1, x.shape[2], generator=generator).to(translator.device) >= dropout
    return x * keep / (1 - dropout)


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


def calibrate(translator: Translator, train: Sequence[Windows], valid: Sequence[Windows], held: Sequence[Held]) -> None:
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
    """Of the modulation of recording i in every network."""
    each = [
        list(_modulated(n, i, own[i])) if i in own else [] for n, own in zip(translator.members(), held, strict=True)
    ]
    if not any(each):
        return [1.0] * len(each)
    if held[0] is held[-1]:
        return [best_scale(batches) for batches in each]
    return [best_scale(chain.from_iterable(each))] * len(each)


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
