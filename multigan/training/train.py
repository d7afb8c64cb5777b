"""``multigan.train``: from a recipe to a trained model in a run folder."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

import torch

from multigan.config.recipe import Recipe, load_recipe, method_of
from multigan.data.sampler import fingerprint
from multigan.errors import CheckpointError
from multigan.inference.pretrained import replace_folder, save_model
from multigan.plugin import load
from multigan.training.console import ConsoleWatcher
from multigan.training.engine import Engine
from multigan.training.phases import GAN
from multigan.training.report import write_report
from multigan.training.run import Run, open_run
from multigan.training.tracking import Tracker, read_metrics
from multigan.training.trainer import Trainer

DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


def train(
    recipe: Recipe | str | Path,
    *,
    overrides: Sequence[str] = (),
    name: str | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> Path:
    """Trains what a recipe describes.

    Under ``torchrun`` every process calls this; gradients are averaged between them.

    Args:
        recipe: A recipe, a path, a bare name such as ``"textgan"``, or a run folder.
        overrides: ``"train.batch_size=32"``; only with a path or a name.
        name: Of the run, if the recipe does not come from a file.
        output: The run folder; by default ``runs/NAME``, numbered if that exists.
        resume: Go on from the newest checkpoint in the folder.
        quiet: Print nothing.

    Returns:
        The run folder; ``multigan.pipeline(folder)`` loads the model.

    Raises:
        MultiganError: What the user can mend, in one line.
    """
    if name is None:
        name = recipe.plugin if isinstance(recipe, Recipe) else Path(recipe).resolve().stem
    if not isinstance(recipe, Recipe):
        if resume and output is None and (Path(recipe) / "recipe.yaml").is_file():
            output = recipe  # a run folder goes on where it is
        recipe = load_recipe(recipe, overrides)
    engine = Engine(recipe.train)
    try:
        torch.manual_seed(recipe.seed)
        gan = build_gan(recipe)
        if engine.rank:  # the same weights everywhere, but dropout of its own in each process
            torch.manual_seed(recipe.seed + engine.rank)
        run = open_run(
            name=name,
            output=Path(output) if output is not None else None,
            resume=resume,
            engine=engine,
            keep_checkpoints=recipe.train.keep_checkpoints,
        )
        _play(gan, recipe, engine=engine, run=run, resume=resume, quiet=quiet)
        engine.barrier()  # a process that leaves while others are at work takes them down
        return run.folder
    except OSError as error:
        if error.errno not in DISK_FAULTS:
            raise
        raise CheckpointError(
            f"cannot write into the run folder: {error.strerror}; its checkpoints are kept: free "
            "space and continue with --resume"
        ) from error
    finally:
        engine.close()


def build_gan(recipe: Recipe) -> GAN:
    """Makes the GAN that a recipe describes, with fresh weights."""
    _, method = method_of(recipe.plugin, recipe.method)
    gan: GAN = load(method.gan)(recipe)
    return gan


def _play(gan: GAN, recipe: Recipe, *, engine: Engine, run: Run, resume: bool, quiet: bool) -> None:
    trainer = Trainer(gan, recipe, engine=engine, run=run)
    resumed = resume and trainer.resume()
    if not engine.is_main:
        trainer.fit()
        return
    # Not before the trainer stands: a recipe that does not fit must not replace the run's.
    run.record(recipe, engine, data=fingerprint(gan.dataset()))
    tracker = Tracker(run.folder, views=recipe.train.trackers, step=trainer.step)

    def keep(folder: Path) -> None:
        averaged = trainer.averaged()
        networks = {name: averaged[name] for name in gan.model()["networks"]}
        plugin, method = recipe.plugin, recipe.method
        card = _card(recipe, run, trainer.step)
        save_model(folder, gan.model(), networks, plugin=plugin, method=method, card=card)

    trainer.keep_best = lambda: keep(run.best)
    if len(trainer.stages) > 1:
        trainer.keep_stage = lambda stage: keep(run.stages / stage)
    with ConsoleWatcher(run, tracker, quiet=quiet) as watcher:
        trainer.watcher = watcher
        if resume:
            start = f"step {trainer.step}" if resumed else "the beginning: no checkpoint there yet"
            watcher.console.print(f"resuming {run.folder} from {start}", markup=False)
        complete = trainer.fit()
        if recipe.train.best is not None and run.best.is_dir():
            replace_folder(run.best, run.model)  # the last one is in the checkpoint
        else:
            keep(run.model)
        exhibit = getattr(gan, "exhibit", None)
        if complete and exhibit is not None:
            watcher.console.print("measuring for the report", markup=False)
            exhibit(run.folder)
        write_report(run.folder)
        state = "done" if complete else "stopped; add --resume to go on"
        if trainer.stop_reason is not None:
            state = f"stopped early: {trainer.stop_reason}"
        watcher.console.print(f"{state}: {run.folder} (model/, report.html)", markup=False)


def _card(recipe: Recipe, run: Run, step: int) -> str:
    """A model card from what the run knows about itself."""
    scores = [m for m in read_metrics(run.folder / "metrics.jsonl") if m["kind"] == "evaluate"]
    lines = [
        f"# {run.folder.name}",
        "",
        f"A `{recipe.plugin}` model trained with method `{recipe.method}` of multigan for {step} "
        f"steps, seed {recipe.seed}.",
    ]
    if scores:
        last = {k: v for k, v in scores[-1].items() if k not in ("kind", "step", "stage")}
        lines += ["", f"Scores at step {scores[-1]['step']}:", ""]
        lines += [f"- {name}: {value:.4g}" for name, value in last.items()]
    lines += ["", "## Recipe", "", "```yaml", recipe.to_yaml().rstrip(), "```", ""]
    return "\n".join(lines)
