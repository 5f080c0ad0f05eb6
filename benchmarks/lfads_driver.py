"""Fit LFADS with a user's checkout of lfads-torch, or predict with what was fitted; run by the checkout's interpreter.

    python lfads_driver.py JOB.json

Only the standard library, numpy, torch and what lfads-torch itself needs are imported: the environment need not have
spikebridge, and may have an older Python. Nothing of lfads-torch is copied here. Its classes are used through their
constructors, sizes and defaults are read from the checkout's own configuration files, and the checkout has its own
licence. To the published method (Sussillo et al. 2016, arXiv:1608.06315; Pandarinath et al. 2018, Nat Methods 15:805)
this file adds one thing: an observation model whose log rate has a fixed offset, the baseline of every translator.

JOB.json: checkout, config (a file of configs/model), task ("fit" or "predict"), arrays (folder), parts (names of
recordings), seed, settings (hyperparameters that differ from the file), epochs and patience (null: as the checkout
says), samples. The folder has <i>.npz for part i. fit reads source, target, baseline (window, bin, unit) of train_
and valid_, and writes <i>.state.npz, <i>.rates.npz (of valid) and <i>.json; predict reads source, baseline and the
state, and writes <i>.rates.npz.
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn import functional


class PoissonAroundBaseline(nn.Module):
    """Poisson likelihood of counts with log rate = log baseline + output.

    Data hold counts and baseline side by side, (window, bin, 2 units). So do outputs; their second half is not used.
    """

    n_params = 1

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units = units

    def reshape_output_params(self, output_params: torch.Tensor) -> torch.Tensor:
        return output_params[..., None]

    def compute_loss(self, data: torch.Tensor, output_params: torch.Tensor) -> torch.Tensor:
        counts, baseline = data[..., : self.units], data[..., self.units :]
        log_rate = output_params[..., : self.units, 0] + baseline.log()
        return functional.poisson_nll_loss(log_rate, counts, full=True, reduction="none")

    def compute_means(self, output_params: torch.Tensor) -> torch.Tensor:
        """Rates over the baseline."""
        return output_params[..., 0].exp()


class Padded(nn.Module):
    """A read-out followed by as many zeros."""

    def __init__(self, read_out: nn.Module) -> None:
        super().__init__()
        self.read_out, self.in_features = read_out, read_out.in_features

    def forward(self, factors: torch.Tensor) -> torch.Tensor:
        log_ratio = self.read_out(factors)
        return torch.cat([log_ratio, torch.zeros_like(log_ratio)], dim=-1)


class KeepBest(pl.Callback):
    """Keep the weights of lowest smoothed validation loss, and stop when it has not fallen for `patience` epochs.

    burn_in: epochs in which penalties still rise; they do not count.
    """

    def __init__(self, patience: int, burn_in: int) -> None:
        self.patience, self.burn_in = patience, burn_in
        self.lowest, self.epoch, self.losses, self.state = float("inf"), -1, [], {}

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        if trainer.sanity_checking:
            return
        loss, epoch = float(trainer.callback_metrics["valid/recon_smth"]), int(trainer.current_epoch)
        self.losses.append(float(trainer.callback_metrics["valid/recon"]))
        if not self.state or (epoch >= self.burn_in and loss < self.lowest):
            self.lowest = loss if epoch >= self.burn_in else float("inf")
            self.epoch, self.state = epoch, copy.deepcopy(pl_module.state_dict())
        elif epoch - max(self.epoch, self.burn_in) >= self.patience:
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        pl_module.train_aug_stack.reset()  # it keeps the masks of dropped inputs for a loss that is not masked here


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.path.insert(0, job["checkout"])
    torch.set_num_threads(1)
    folder = Path(job["arrays"])
    for i, _ in enumerate(job["parts"]):
        arrays = dict(np.load(folder / f"{i}.npz"))
        pl.seed_everything(job["seed"] + i, workers=True)
        if job["task"] == "fit":
            fit(job, arrays, folder, i)
        else:
            state = {k: torch.from_numpy(v) for k, v in np.load(folder / f"{i}.state.npz").items()}
            units = arrays["baseline"].shape[2]
            model = make(job, arrays["source"].shape[2], units, arrays["source"].shape[1])
            model.load_state_dict(state)
            rates = predict(model, arrays["source"], arrays["baseline"], job["samples"])
            np.savez(folder / f"{i}.rates.npz", rates=rates)


def fit(job: dict[str, Any], arrays: dict[str, np.ndarray], folder: Path, i: int) -> None:
    """Fit one recording; write the weights, the rates of the validation windows, and the course of the loss."""
    bins, n_source = arrays["train_source"].shape[1:]
    model = make(job, n_source, arrays["train_target"].shape[2], bins)
    hps, defaults = model.hparams, read_config(job["checkout"], "configs/single.yaml")
    epochs = job["epochs"] or int(defaults.trainer.max_epochs)
    patience = job["patience"] or int(defaults.callbacks.early_stopping.patience)
    ramps = max(hps.l2_start_epoch + hps.l2_increase_epoch, hps.kl_start_epoch + hps.kl_increase_epoch)
    keep = KeepBest(patience, min(ramps, epochs - 1))
    trainer = pl.Trainer(
        max_epochs=epochs,
        gradient_clip_val=float(defaults.trainer.gradient_clip_val),
        callbacks=[keep],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )
    batch = int(read_config(job["checkout"], "configs/datamodule/nlb_mc_maze_small.yaml").batch_size)
    trainer.fit(model, loader(arrays, "train_", batch, shuffle=True), loader(arrays, "valid_", batch, shuffle=False))
    model.load_state_dict(keep.state)
    np.savez(folder / f"{i}.state.npz", **{k: v.cpu().numpy() for k, v in keep.state.items()})
    rates = predict(model, arrays["valid_source"], arrays["valid_baseline"], job["samples"])
    np.savez(folder / f"{i}.rates.npz", rates=rates)
    course = {"epochs": len(keep.losses), "kept": keep.epoch, "losses": keep.losses}
    (folder / f"{i}.json").write_text(json.dumps(course), encoding="utf-8")


def read_config(checkout: str, path: str) -> Any:
    """A configuration file of the checkout; references to other files are not followed."""
    from omegaconf import OmegaConf

    return OmegaConf.load(Path(checkout) / path)


def make(job: dict[str, Any], n_source: int, n_target: int, bins: int) -> Any:
    """LFADS with the architecture of a configuration file, from n_source to n_target units."""
    from hydra.utils import get_class, instantiate
    from omegaconf import OmegaConf

    config = OmegaConf.create({"model": read_config(job["checkout"], job["config"])})
    settings = dict(job["settings"])
    cd_rate = settings.pop("cd_rate", None)
    settings.update(encod_data_dim=n_source, encod_seq_len=bins, recon_seq_len=bins, ext_input_dim=0, ic_enc_seq_len=0)
    for key, value in settings.items():
        config.model[key] = value
    config.model.readout.modules[0].out_features = n_target
    for transform in config.model.train_aug_stack.transforms if cd_rate is not None else ():
        if "cd_rate" in transform:
            transform.cd_rate = cd_rate
    # Coordinated dropout hides from the loss what the input shows, because it reconstructs its input. Here input and
    # output are two regions: the input is dropped, and the whole loss counts.
    config.model.train_aug_stack.loss_order = []
    replaced = {
        "readin": nn.ModuleList([nn.Identity()]),
        "readout": nn.ModuleList([Padded(instantiate(config.model.readout.modules[0]))]),
        "reconstruction": nn.ModuleList([PoissonAroundBaseline(n_target)]),
    }
    nested = {k: instantiate(v) if OmegaConf.is_config(v) else v for k, v in config.model.items() if k not in replaced}
    kind = get_class(nested.pop("_target_"))
    return kind(**nested, **replaced)


def session(source: torch.Tensor, target: torch.Tensor) -> dict[int, Any]:
    """The batch of one recording, as lfads-torch takes it."""
    from lfads_torch.tuples import SessionBatch

    n, bins = source.shape[:2]
    nothing = torch.full((n, 0, 0), float("nan"))
    return {0: SessionBatch(source, target, torch.zeros(n, bins, 0), nothing, torch.ones(n, 0, 0))}


def loader(arrays: dict[str, np.ndarray], part: str, size: int, shuffle: bool) -> Any:
    """Batches {0: (batch, ())} of the windows of a part."""
    names = (f"{part}{key}" for key in ("source", "target", "baseline"))
    source, target, baseline = (torch.from_numpy(arrays[name].astype(np.float32)) for name in names)
    data = torch.utils.data.TensorDataset(source, torch.cat([target, baseline], dim=2))

    def collate(rows: list[Any]) -> dict[int, Any]:
        batch = session(torch.stack([x for x, _ in rows]), torch.stack([y for _, y in rows]))
        return {s: (b, ()) for s, b in batch.items()}

    return torch.utils.data.DataLoader(data, batch_size=size, shuffle=shuffle, collate_fn=collate)


def predict(model: Any, source: np.ndarray, baseline: np.ndarray, samples: int) -> np.ndarray:
    """Rates (window, bin, unit), the mean over samples of the posterior."""
    model.eval()
    units = baseline.shape[2]
    total = np.zeros(baseline.shape)
    x = torch.from_numpy(source.astype(np.float32)).to(model.device)
    empty = torch.zeros(len(x), x.shape[1], 2 * units)
    with torch.no_grad():
        for _ in range(samples if len(x) else 0):
            output = model(session(x, empty), sample_posteriors=bool(model.hparams.variational), output_means=True)
            total += output[0].output_params[..., :units].cpu().numpy()
    return (baseline * total / samples).astype(np.float32)


if __name__ == "__main__":
    main()
