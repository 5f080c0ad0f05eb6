"""A stand-in for a checkout of lfads-torch and its environment: the interface that benchmarks/lfads_driver.py uses.

Nothing here is lfads-torch. Its model is a linear map of the source's counts in a bin, with the constructor's
arguments, batches, losses and outputs by the names that the driver relies on; the libraries around it are a few lines
each.
"""

from __future__ import annotations

import stat
import sys
from pathlib import Path

LOG = "STAND_IN_LOG"
"""Environment variable: the file to which each model that is made adds a line of JSON with its settings."""

MODEL_CONFIG = """
_target_: lfads_torch.model.LFADS
encod_data_dim: 1
encod_seq_len: 1
recon_seq_len: 1
ext_input_dim: 3
ic_enc_seq_len: 2
fac_dim: 6
lr_init: {rate}
dropout_rate: 0.0
variational: true
kl_ic_scale: 0.0
kl_co_scale: 0.0
l2_gen_scale: 0.0
l2_con_scale: 0.0
l2_start_epoch: 0
l2_increase_epoch: 3
kl_start_epoch: 0
kl_increase_epoch: 3
readin:
  - _target_: torch.nn.Identity
readout:
  _target_: torch.nn.ModuleList
  modules:
    - {{_target_: torch.nn.Linear, in_features: 6, out_features: 9}}
train_aug_stack:
  _target_: lfads_torch.model.Stack
  transforms:
    - {{_target_: lfads_torch.model.Dropped, cd_rate: 0.5}}
  batch_order: [0]
  loss_order: [0]
infer_aug_stack: {{_target_: lfads_torch.model.Stack}}
reconstruction:
  - _target_: torch.nn.Identity
"""

FILES = {
    "configs/single.yaml": """
trainer: {gradient_clip_val: 200, max_epochs: 30}
callbacks:
  early_stopping: {patience: 10}
""",
    "configs/datamodule/nlb_mc_maze_small.yaml": "batch_size: 16\n",
    "configs/model/nlb_mc_maze_small.yaml": MODEL_CONFIG.format(rate=1.0e-2),
    "configs/model/still.yaml": MODEL_CONFIG.format(rate=0.0),
    "lfads_torch/__init__.py": "",
    "lfads_torch/tuples.py": """
from collections import namedtuple
SessionBatch = namedtuple("SessionBatch", ["encod_data", "recon_data", "ext_input", "truth", "sv_mask"])
SessionOutput = namedtuple("SessionOutput", ["output_params", "factors"])
""",
    "lfads_torch/model.py": f"""
import json, os
from types import SimpleNamespace
import torch
from torch import nn
from lfads_torch.tuples import SessionOutput


class Dropped:
    def __init__(self, cd_rate):
        self.cd_rate = cd_rate


class Stack:
    def __init__(self, transforms=(), batch_order=(), loss_order=()):
        self.transforms, self.batch_order, self.loss_order, self.resets = transforms, batch_order, loss_order, 0

    def reset(self):
        self.resets += 1


class LFADS(nn.Module):
    def __init__(self, *, readin, readout, reconstruction, **hparams):
        super().__init__()
        self.hparams = SimpleNamespace(**hparams)
        self.train_aug_stack = hparams["train_aug_stack"]
        scalars = {{k: v for k, v in hparams.items() if isinstance(v, (int, float))}}
        stack = {{"cd_rate": self.train_aug_stack.transforms[0].cd_rate, "loss_order": self.train_aug_stack.loss_order}}
        if "{LOG}" in os.environ:
            with open(os.environ["{LOG}"], "a") as log:
                log.write(json.dumps(scalars | stack) + "\\n")
        assert readout[0].in_features == hparams["fac_dim"]
        self.encoder = nn.Linear(hparams["encod_data_dim"], hparams["fac_dim"])
        self.readin, self.readout, self.recon = readin, readout, reconstruction
        nn.init.zeros_(self.readout[0].read_out.weight)
        nn.init.zeros_(self.readout[0].read_out.bias)
        self.device, self.logged = torch.device("cpu"), {{}}

    def forward(self, batch, sample_posteriors=False, output_means=True):
        x = batch[0].encod_data
        assert x.shape[1:] == (self.hparams.encod_seq_len, self.hparams.encod_data_dim)
        assert batch[0].ext_input.shape == (*x.shape[:2], self.hparams.ext_input_dim)
        factors = self.encoder(x - x.mean(dim=(0, 1)))
        params = self.recon[0].reshape_output_params(self.readout[0](factors))
        return {{0: SessionOutput(self.recon[0].compute_means(params) if output_means else params, factors)}}

    def step(self, batch):
        batch = {{s: b[0] for s, b in batch.items()}}
        params = self.forward(batch, sample_posteriors=True, output_means=False)[0].output_params
        assert params[..., 0].shape == batch[0].recon_data.shape
        return self.recon[0].compute_loss(batch[0].recon_data, params).mean()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr_init)
""",
    "libraries/pytorch_lightning.py": """
import torch


class Callback:
    pass


def seed_everything(seed, workers=False):
    torch.manual_seed(seed)


class Trainer:
    sanity_checking = should_stop = False

    def __init__(self, *, max_epochs, callbacks, **others):
        self.max_epochs, self.callbacks, self.callback_metrics = max_epochs, callbacks, {}

    def fit(self, model, train, valid):
        optimizer = model.configure_optimizers()
        for self.current_epoch in range(self.max_epochs):
            for batch in train:
                optimizer.zero_grad()
                model.step(batch).backward()
                optimizer.step()
            with torch.no_grad():
                losses = [model.step(batch) for batch in valid]
            loss = torch.stack(losses).mean()
            self.callback_metrics = {"valid/recon": loss, "valid/recon_smth": loss}
            for callback in self.callbacks:
                callback.on_validation_end(self, model)
                callback.on_train_epoch_end(self, model)
            if self.should_stop:
                break
""",
    "libraries/omegaconf.py": """
import yaml


class Node(dict):
    __getattr__, __setattr__ = dict.__getitem__, dict.__setitem__


def node(value):
    if isinstance(value, dict):
        return Node({k: node(v) for k, v in value.items()})
    return [node(v) for v in value] if isinstance(value, list) else value


class OmegaConf:
    load = staticmethod(lambda path: node(yaml.safe_load(path.read_text())))
    create = staticmethod(node)
    is_config = staticmethod(lambda value: isinstance(value, (Node, list)))
""",
    "libraries/hydra/__init__.py": "",
    "libraries/hydra/utils.py": """
import importlib


def get_class(path):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def instantiate(value):
    if isinstance(value, list):
        return [instantiate(v) for v in value]
    if not isinstance(value, dict):
        return value
    made = {k: instantiate(v) for k, v in value.items()}
    return get_class(made.pop("_target_"))(**made) if "_target_" in made else made
""",
}


def write_checkout(folder: Path) -> tuple[Path, Path]:
    """Write the checkout, and an interpreter that finds its libraries; the paths of both."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}/libraries" exec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return folder, python
