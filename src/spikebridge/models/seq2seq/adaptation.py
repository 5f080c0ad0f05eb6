"""Adaptation of a fitted translator to a new recording: read-in and read-out are trained, the core is frozen.

As in Pandarinath et al. 2018, where sessions share their dynamics and differ in the units recorded. The read-in starts
from the closed-form translator of the new recording. Its axes need not be those of the earlier recordings, because the
read-in is trained through the frozen core. (On the simulator, initial weights that are rotated towards the inputs of
earlier recordings, by the skip path or by class means, end at a lower score.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from torch import nn

from spikebridge.models.base import OnEpoch
from spikebridge.models.seq2seq.training import calibrate_modulation, train_recordings
from spikebridge.models.seq2seq.translator import Translator
from spikebridge.types import Windows

MIN_STEPS = 8  # per epoch, if batches then have MIN_BATCH_SIZE windows: a frozen core needs more steps than a free one
MIN_BATCH_SIZE = 8  # windows


def add_recording(
    translator: Translator, train: Windows, valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
) -> None:
    """Learn read-in, read-out, scale and baseline of one recording; an exception leaves the translator as it was."""
    with _appended(translator, train) as learned:
        batch_size = min(translator.params.batch_size, max(MIN_BATCH_SIZE, len(train) // MIN_STEPS))
        held = train_recordings(translator, [train], valid, rng, on_epoch, learned, batch_size)[1]
        calibrate_modulation(translator, [train], valid, held)


@contextmanager
def _appended(translator: Translator, w: Windows) -> Iterator[nn.ModuleList]:
    """Append an untrained read-in and read-out to each network, all that has a gradient; an exception removes them."""
    number, p, learned = len(translator.recordings), translator.params, nn.ModuleList()
    translator.networks.requires_grad_(False)
    for network in translator.members():
        network.read_in.append(nn.utils.skip_init(nn.Linear, w.source.shape[2], p.input_size))
        out = nn.utils.skip_init(nn.Linear, p.n_latents + network.decoder.width, w.target.shape[2])
        network.read_out.append(out)
        learned.append(nn.ModuleList([network.read_in[number], network.read_out[number]]))
    learned.to(translator.device)
    translator.recordings.append(w.recording)
    translator.networks.train()  # cuDNN has no gradients of a recurrent layer that is not training
    try:
        yield learned
    except BaseException:
        translator.recordings.pop()
        translator.baselines.pop(w.recording, None)
        translator.scale = {key: v for key, v in translator.scale.items() if not key.startswith(f"{number}.")}
        for network in translator.members():
            network.read_in, network.read_out = network.read_in[:number], network.read_out[:number]
        raise
    finally:
        translator.networks.requires_grad_(True)
        translator.networks.eval()
