"""Sequence-to-sequence translation of source spikes into target spikes, with decisions read out from its latents.

Sutskever et al. 2014 (encoder and decoder); Pandarinath et al. 2018, Nat Methods 15:805 (recurrent networks with a
Poisson observation model and per-recording read-in and read-out).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from spikebridge.models import base
from spikebridge.models.base import Model, OnEpoch
from spikebridge.models.parts.features import join
from spikebridge.models.parts.forest import named_arrays
from spikebridge.models.parts.history import recorded
from spikebridge.models.parts.libraries import TORCH
from spikebridge.models.parts.regressors import MAX_S
from spikebridge.models.parts.saved_arrays import load_arrays, save_arrays
from spikebridge.models.seq2seq.ablation import RemovedDirection
from spikebridge.models.seq2seq.adaptation import add_recording
from spikebridge.models.seq2seq.cores import check_core
from spikebridge.models.seq2seq.decision_readout import Decoder, fit_decoders, modes_of_recording
from spikebridge.models.seq2seq.frame import LazyFrame
from spikebridge.models.seq2seq.saved import LAYOUT, TREES, WEIGHTS, Layout, SavedTranslator, fill, read_layout
from spikebridge.models.seq2seq.training import fit_translator
from spikebridge.models.seq2seq.translator import Translator
from spikebridge.types import History, Predictions, Windows

__all__ = ["Seq2Seq"]

Array = NDArray[np.float64]


class Seq2Seq(Model):
    """One network for all recordings, and one logistic read-out of decisions per recording.

    The translator is fitted to every window, labelled or not, and stops by the likelihood of the target's spikes in
    `valid`; with several networks these are learned from too, and each network holds out another part of all windows
    (see `cross_fitting`). The read-out uses the labels of `train` and of `valid` (tuning hides those that it scores
    by). It sees the shared latents and nothing else: what the target does not follow in held-out windows is taken out
    of the latents (see `followed`). It is the mean of logistic regressions and trees (`n_readout_trees`) on several
    views of these latents (see `decision_readout`). A subclass may give the read-out more features
    (`_fit_additional`, `_additional`, `_n_additional`); it is then another model with another name.

    Parameters
    ----------
    params : mapping, optional
        Settings that differ from the defaults of `Params`.
    device : str
        Where torch computes, such as "cpu" or "cuda".
    baselines : Baselines, optional
        Fits the baselines. Hand the same object to all models of a fold. None: the model makes a new object.

    References
    ----------
    Sutskever, Vinyals & Le 2014, NeurIPS. Pandarinath et al. 2018, Nat Methods 15:805.
    """

    name = "seq2seq"
    libraries = (*TORCH, "sklearn.ensemble")
    translates = True
    pooled = True
    early_stopping = True
    adapts = True

    class Params(base.Params):
        core: Annotated[str, AfterValidator(check_core)] = Field("gru", description="a file of seq2seq/cores")
        causal: bool = Field(False, description="whether the output of a bin depends on no later bin")
        n_members: int = Field(2, ge=1, description="networks whose rates and latents are averaged")
        n_readout_trees: int = Field(200, ge=0, description="trees averaged with the logistic read-outs; 0: none")
        input_size: int = Field(16, ge=1, description="width of the read-in")
        hidden_size: int = Field(32, ge=1, description="units of encoder and decoder, per direction")
        n_latents: int = Field(8, ge=1)
        smoothing_s: float = Field(0.1, gt=0, le=MAX_S, description="SD of the Gaussian kernel on the source's counts")
        warm_start_penalty: float = Field(10.0, gt=0, description="ridge penalty of the linear initialization")
        rate_modulation_penalty: float = Field(5.0e-3, ge=0, description="on the squared modulation of log rates")
        dropout: float = Field(0.4, ge=0, lt=1, description="share of source units dropped from a window")
        noise_sd: float = Field(0.3, ge=0, description="SD of noise in the bottleneck while training")
        learning_rate: float = Field(8.0e-3, gt=0, description="peak learning rate")
        weight_decay: float = Field(1.0e-2, ge=0)
        max_epochs: int = Field(20, ge=1)
        patience: int = Field(3, ge=1)
        batch_size: int = Field(64, ge=1, description="windows")

    # Optuna draws parameters in the alphabetical order of their names: a new order changes every tuned result.
    space = {
        "n_latents": ("categorical", 4, 6, 8),
        "warm_start_penalty": ("log", 1.0, 30.0),
        "rate_modulation_penalty": ("log", 1.0e-3, 3.0e-2),
        "dropout": ("float", 0.1, 0.8),
        "noise_sd": ("log", 0.05, 1.0),
        "smoothing_s": ("categorical", 0.05, 0.1),
    }

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        p: Any = self.params
        self.translator = Translator(p, self.bin_s, self.device, self.baseline_fits, self.baselines)
        fit_translator(self.translator, train, valid, rng, on_epoch)
        held = {w.recording: w for w in valid}
        both = [join(w, held.get(w.recording)) for w in train]
        self.frame = LazyFrame(self.translator, [w.select(w.labelled) for w in both if w.labelled.any()])
        self.decoders = self._read_out(train, valid, rng)

    def _read_out(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator
    ) -> dict[str, Decoder]:
        """The decoder of each recording with labels."""
        p: Any = self.params
        held = {w.recording: w for w in valid}
        both = [join(w, held.get(w.recording)) for w in train]
        labelled = {w.recording: w.select(w.labelled) for w in both if w.labelled.any()}
        latents, modes = {}, {}
        for name, w in labelled.items():
            latents[name], rates = self.translator.predict(w)
            modes[name] = modes_of_recording(latents[name], np.log(rates / self.translator.baselines[name].rates(w)))
        labels = {name: w.label for name, w in labelled.items()}
        additional = {name: self._fit_additional(w) for name, w in labelled.items()}
        return fit_decoders(latents, modes, labels, len(self.classes), additional, p.n_readout_trees, rng)

    def _fit_additional(self, labelled: Windows) -> Array:
        """(trial, feature), cross-fitted: what the read-out learns from besides latents."""
        return np.empty((len(labelled), 0))

    def _additional(self, windows: Windows) -> Array:
        """(window, feature): the same in windows that were not learned from."""
        return np.empty((len(windows), 0))

    def _n_additional(self, recording: str) -> int:
        """The number of these features."""
        return 0

    def adapt(
        self,
        train: Sequence[Windows],
        valid: Sequence[Windows],
        rng: np.random.Generator,
        on_epoch: OnEpoch | None = None,
    ) -> History:
        """Fit a fitted model to new recordings; its predictions of the other recordings do not change by a bit.

        Of the translator only read-in, read-out, scale and baseline of each new recording are fitted, to all of its
        windows, labelled or not. Then its read-out of decisions is fitted, if it has labels. Without labels its latents
        are aligned with those of the recordings that the model was fitted on, whose read-out decides (see SharedFrame);
        with fewer than ten trials nothing can be aligned, and all classes get the same probability.

        Parameters
        ----------
        train : sequence of Windows
            What to learn from, one Windows per new recording.
        valid : sequence of Windows
            Windows of the same recordings that early stopping is decided by; may be empty.
        rng : numpy.random.Generator
            The only source of randomness.
        on_epoch : callable, optional
            Receives one dict per training epoch; an exception that it raises ends the fit.

        Returns
        -------
        History
            The rows that on_epoch received.

        Raises
        ------
        DataError
            Where a recording is known, differs in bins or classes, or has too few windows.
        """
        rows, note = recorded(on_epoch)
        held = {w.recording: w for w in valid}
        for w in train:
            self.check_new(w)
        for w in train:
            own_valid = [held[w.recording]] if w.recording in held else []
            add_recording(self.translator, w, own_valid, rng, note)
            self._register(w, held.get(w.recording))
            if any(windows.labelled.any() for windows in (w, *own_valid)):
                self.decoders |= self._read_out([w], own_valid, rng)
            elif self.frame.align(join(w, held.get(w.recording))):
                self.class_shares[w.recording] = self.frame.get().shares.tolist()
        return History(tuple(rows))

    def learn_labels(self, windows: Windows) -> None:
        """Weigh some labels of a recording that the model was adapted to without labels against those it was fitted on.

        Parameters
        ----------
        windows : Windows
            Labelled windows of the recording. Labels of an earlier call are forgotten.

        Raises
        ------
        DataError
            Where the recording was not aligned without labels.
        """
        self.class_shares[self.check_recording(windows.recording)] = self.frame.learn_labels(windows).tolist()

    def without(
        self,
        removed: RemovedDirection | None,
        train: Sequence[Windows],
        valid: Sequence[Windows],
        rng: np.random.Generator,
        n_trees: int,
    ) -> Self:
        """Give the fitted model without a direction of its latents; the model itself does not change.

        The translator decodes latents in which the direction is held at its mean; the read-out of decisions is fitted
        to such latents anew.

        Parameters
        ----------
        removed : RemovedDirection or None
            The direction; None: only the read-out is fitted again, for comparison.
        train, valid : sequence of Windows
            What the model was fitted to.
        rng : numpy.random.Generator
            The only source of randomness.
        n_trees : int
            Trees of the read-out, in place of `n_readout_trees`.

        Returns
        -------
        Seq2Seq
            Predicts as the model does; shares its networks.
        """
        other = copy.copy(self)
        other.params = self.params.model_copy(update={"n_readout_trees": n_trees})
        other.translator = self.translator.without(removed)
        other.decoders = other._read_out(train, valid, rng)
        return other

    def _predict(self, windows: Windows) -> Predictions:
        recording = self.check_recording(windows.recording)
        latents, rates = self.translator.predict(windows)
        probabilities = np.full((len(windows), len(self.classes)), 1.0 / len(self.classes))
        if recording in self.decoders:
            share = np.array(self.class_shares[recording])
            probabilities = self.decoders[recording].probabilities(latents, self._additional(windows), share)
        elif recording in self.frame.aligned:
            probabilities = self.frame.probabilities(recording, latents)
        return Predictions(probabilities, rates, latents)

    def _save(self, folder: Path) -> None:
        translator = self.translator
        arrays = {f"network.{k}": v.cpu().numpy() for k, v in translator.networks.state_dict().items()}
        arrays |= {f"scale.{k}": v.cpu().numpy() for k, v in translator.scale.items()}
        arrays |= {f"map.{m}": v.cpu().numpy() for m, v in enumerate(translator.maps)}
        for i, name in enumerate(translator.recordings):
            if name in self.decoders:
                decoder = self.decoders[name]
                arrays |= {f"readout.{i}.{k}": v for k, v in vars(decoder.linear).items()}
                arrays |= {f"modes.{i}": decoder.modes}
        save_arrays(folder / WEIGHTS, arrays)
        forests = {name: d.forest for name, d in self.decoders.items() if d.forest is not None}
        if forests:
            save_arrays(folder / TREES, named_arrays(forests, translator.recordings))
        self.frame.save(folder)
        Layout(translator.recordings, list(forests)).write(folder / LAYOUT)

    def _load(self, folder: Path) -> None:
        layout = read_layout(folder / LAYOUT, self.units)
        order = layout.recordings
        sizes = {r: (len(self.units[r]["source_units"]), len(self.units[r]["target_units"])) for r in order}
        additional = {name: self._n_additional(name) for name in order}
        saved = SavedTranslator(folder, self.params, sizes, len(self.classes), self.n_bins, layout, additional)
        arrays = load_arrays(folder / WEIGHTS)
        saved.check(arrays)
        self.translator = Translator(self.params, self.bin_s, self.device, self.baseline_fits, self.baselines)
        self.translator.build(sizes, seed=0)
        fill(self.translator, arrays)
        self.decoders = saved.decoders(arrays)
        self.frame = LazyFrame.load(folder, self.translator, len(self.classes))
