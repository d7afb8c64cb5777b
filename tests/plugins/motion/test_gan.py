"""The game: what the critic is shown, continuing without a jump, any length, scores."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from multigan.config.recipe import make_recipe
from multigan.errors import RecipeError
from multigan.plugins.motion.evaluation import compare
from multigan.plugins.motion.gan import MotionGAN
from multigan.plugins.motion.networks.recogniser import MotionRecogniser
from multigan.plugins.motion.planting import planted
from multigan.plugins.motion.recogniser.pipeline import Recognised, RecogniserPipeline
from multigan.plugins.motion.representation import Start
from multigan.plugins.motion.rotations import from_six, to_six
from multigan.plugins.motion.scores import (
    diversity,
    foot_skating,
    seam_jump,
    usual_jump,
    velocity_jumps,
)
from multigan.plugins.motion.skeleton import Motion
from multigan.plugins.motion.walker import walker_clip
from multigan.training.phases import Noise, Step

STEP = Step(0, 10, Noise(0))


def gan(**changes):
    values = {
        "plugin": "motion", "method": "motiongan",
        "data": {"window": 24, "builtin_size": 6},
        "model": {"width": 16, "critic_width": 8, **changes.pop("model", {})},
        **changes,
    }  # fmt: skip
    torch.manual_seed(0)
    return MotionGAN(make_recipe(values))


@pytest.fixture(scope="module", params=["convolutional", "recurrent"])
def game(request):
    return gan(model={"generator": request.param})


def noise_for(game, count, frames):
    random = torch.Generator().manual_seed(1)
    latents = torch.randn(count, game.recipe.model.latents, generator=random)
    steps = game.generator.noise_steps(frames)
    return latents, torch.randn(count, steps, game.recipe.model.noise, generator=random)


def test_what_follows_begins_with_the_last_pose_and_its_velocity(game):
    """Whatever the weights: half a frame after the given ones, line and slope still go on."""
    given = game.windows.batch(torch.arange(4))["motion"][:, :12]
    labels = torch.tensor([0, 1, 2, 0])
    latents, rows = noise_for(game, 4, 20)
    with torch.no_grad():
        made = game.generator(latents, rows, labels, given, frames=20)
    feet = len(game.codec.skeleton.feet)
    body = slice(0, game.codec.width - feet)
    step = given[:, -1, body] - given[:, -2, body]
    # Untrained, it hardly moves by itself, so the next frame is the last one and a step on.
    off = made[:, 0, body] - given[:, -1, body] - step
    alone = made[:, 1:, body].diff(dim=1).norm(dim=-1).amax(1)
    assert (off.norm(dim=-1) < alone + 0.5 * step.norm(dim=-1) + 0.05).all()
    free = game.generator(latents, rows, labels, frames=20)
    jump = (free[:, 0, body] - given[:, -1, body]).norm(dim=-1)
    assert (off.norm(dim=-1) < 0.35 * jump).all()
    contacts = made[..., game.codec.width - feet :]
    assert contacts.min() >= 0 and contacts.max() <= 1


def test_rotations_are_clean_before_anything_is_added_to_them(game):
    """A network may write them at any length; an offset between such is none between poses."""
    latents, rows = noise_for(game, 3, 20)
    with torch.no_grad():
        made = game.generator(latents, rows, torch.tensor([0, 1, 2]), frames=20)
    six = made[..., : 6 * len(game.codec.moving)].unflatten(-1, (-1, 6))
    torch.testing.assert_close(six, to_six(from_six(six)), atol=1e-5, rtol=0)


def test_any_length_and_the_beginning_does_not_depend_on_it(game):
    latents, rows = noise_for(game, 2, 75)
    with torch.no_grad():
        long = game.generator(latents, rows, torch.tensor([0, 1]), frames=75)
        steps = game.generator.noise_steps(41)
        short = game.generator(latents, rows[:, :steps], torch.tensor([0, 1]), frames=41)
    assert long.shape == (2, 75, game.codec.width) and short.shape[1] == 41
    torch.testing.assert_close(long[:, :41], short, atol=1e-5, rtol=1e-4)


def test_actions_latents_and_poses_matter(game):
    latents, rows = noise_for(game, 1, 20)
    given = game.windows.batch(torch.tensor([0]))["motion"][:, :12]
    with torch.no_grad():
        made = [
            game.generator(z, n, torch.tensor([k]), g, frames=20)
            for z, n, k, g in [
                (latents, rows, 0, None), (latents, rows, 1, None), (-latents, rows, 0, None),
                (latents, -rows, 0, None), (latents, rows, 0, given),
            ]
        ]  # fmt: skip
    for other in made[1:]:
        assert (made[0] - other).abs().max() > 1e-4


def test_phases_update_whom_they_name(game):
    batch = game.windows.batch(torch.arange(6))
    for phase, trained, idle in (
        (game.judge, game.critic, game.generator),
        (game.fool, game.generator, game.critic),
        (game.follow, game.generator, game.critic),
    ):
        game.networks.requires_grad_(True)
        idle.requires_grad_(False)
        game.networks.zero_grad()
        losses = phase(batch, STEP)
        sum(losses.values()).backward()
        norms = [float(p.grad.norm()) for p in trained.parameters() if p.grad is not None]
        assert sum(norms) > 0 and all(torch.isfinite(torch.tensor(norms)))
        assert all(p.grad is None for p in idle.parameters())
    game.networks.requires_grad_(True)


def test_the_critic_is_shown_the_seam():
    game = gan(loss={"continued": 0.5, "unroll": 40})
    short = gan(loss={"continued": 0.5})
    real = short.windows.batch(torch.arange(8))["motion"]
    labels = torch.zeros(8, dtype=torch.long)
    with torch.no_grad():
        seen, contacts, speeds = short._fake(real, labels, Noise(0))
        known = short.critic.normalised(short.codec.seen(real)[0])
        later, _, _ = game._fake(real, labels, Noise(0))
    torch.testing.assert_close(seen[:4, :12], known[:4, :12])  # given poses
    assert (seen[:4, 12:] - known[:4, 12:]).abs().max() > 0.1  # what follows
    assert (seen[4:, :12] - known[4:, :12]).abs().max() > 0.1  # from noise
    assert contacts.shape == speeds.shape == (8, 24, 4)
    assert later.shape == seen.shape  # a window of 40 frames


def test_objectives_and_penalties():
    for loss in (
        {"objective": "relativistic", "gradient_penalty": 0, "r1": 1.0, "r2": 1.0},
        {"objective": "hinge", "continued": 0.0, "contact": 0.0},
        {"objective": "non-saturating", "continued": 1.0, "smoothing": "one-sided"},
    ):
        game = gan(loss=loss)
        batch = game.windows.batch(torch.arange(4))
        names = set(game.judge(batch, STEP)) | set(game.fool(batch, STEP))
        assert ("r1" in names) == ("r1" in loss) and "adversarial" in names
        assert ("contact" in names) == ("contact" not in loss)


def test_recipes_that_cannot_be():
    for changes, says in [
        ({"data": {"window": 20}, "model": {"past": 20}}, "leaves nothing of data.window=20"),
        ({"loss": {"unroll": 30}}, "shorter than data.window=64"),
        ({"model": {"past": 2}}, "model.past"),
    ]:
        with pytest.raises(RecipeError, match=says):
            make_recipe({"plugin": "motion", **changes})


def test_skating_is_the_speed_of_low_feet():
    walk = walker_clip(0)
    honest = foot_skating([walk])
    drift = torch.stack([torch.arange(150) / 30, torch.zeros(150), torch.zeros(150)], 1).double()
    sliding = Motion(walk.skeleton, walk.rotations, walk.root + drift, 30.0)
    assert honest < 0.25  # a swing begins and ends low; a standing foot adds nothing
    still = Motion(
        walk.skeleton, walk.rotations[:1].expand(150, -1, -1, -1), drift + walk.root[:1], 30.0
    )
    assert foot_skating([still]) == pytest.approx(1.0)  # a statue that is pushed at 1 m/s
    assert foot_skating([sliding]) > honest + 0.5


def test_planting_takes_the_root_along_with_the_standing_foot():
    walk = walker_clip(0)
    codec = gan().codec
    contacts = codec.contacts(codec.encode(walk)).double()
    random = torch.Generator().manual_seed(0)
    off = torch.randn(150, 3, generator=random).double().cumsum(0) * 0.01
    off[:, 1] = 0.0
    sliding = replace(walk, root=walk.root + off)
    again = planted(sliding, contacts)
    assert foot_skating([again]) < 0.7 * foot_skating([sliding])
    assert (again.root[:, 1] == walk.root[:, 1]).all()
    torch.testing.assert_close(planted(sliding, torch.zeros(150, 4)).root, sliding.root)
    kept = planted(sliding, contacts, before=60)
    torch.testing.assert_close(kept.root[:60], sliding.root[:60])
    assert (kept.root[70:] - sliding.root[70:]).abs().max() > 0.005
    statue = walk.rotations[:1].expand(150, -1, -1, -1)
    pushed = replace(walk, rotations=statue, root=walk.root[:1] + off)
    torch.testing.assert_close(planted(pushed, torch.ones(150, 4)).root[-1], pushed.root[0])


def test_seams_are_found_where_they_are():
    walk = walker_clip(0)
    usual = usual_jump([walk])
    assert seam_jump(walk, frame=70) <= velocity_jumps(walk).max() and usual > 0
    root = walk.root.clone()
    root[70:] += torch.tensor([0.3, 0.0, 0.0]).double()  # 0.3 m in a thirtieth of a second
    jumped = Motion(walk.skeleton, walk.rotations, root, 30.0)
    assert seam_jump(jumped, frame=70) == pytest.approx(9.0, abs=1.0)
    assert seam_jump(jumped, frame=80) == pytest.approx(seam_jump(walk, frame=80))
    assert velocity_jumps(jumped).argmax() in (68, 69)
    with pytest.raises(ValueError, match="two frames on each side"):
        seam_jump(walk, frame=1)


def test_features_tell_actions_and_spread():
    features = torch.tensor([[0.0, 0.0], [3.0, 4.0], [7.0, 7.0]])
    assert diversity(features, torch.tensor([0, 0, 1])) == pytest.approx(5.0)
    assert diversity(features[:1], torch.tensor([0])) == 0.0
    probabilities = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    made = Recognised(("a",), probabilities, features, torch.tensor([0, 1, 1]))
    scores = compare(made, made)
    assert scores["frechet-motion"] == pytest.approx(0.0, abs=1e-6)
    assert scores["action-accuracy"] == pytest.approx(2 / 3)
    unknown = Recognised(("a",), probabilities, features + 2, torch.tensor([0, -1, 1]))
    assert compare(unknown, made) == {"frechet-motion": pytest.approx(8.0)}


def test_a_recogniser_looks_at_every_window():
    game = gan()
    network = MotionRecogniser(seen=game.codec.seen_width, classes=3, frames=24, width=8)
    facts = {"actions": ["jumping", "running", "walking"], "codec": game.codec.facts()}
    judge = RecogniserPipeline({"recogniser": network}, facts)
    clips = [walker_clip(0, frames=24), walker_clip(1, frames=40)]
    found = judge(clips)
    assert found.features.shape == (1 + 3, 48) and found.asked.tolist() == [2, 1, 1, 1]
    assert len(found.labels) == 2
    shifted = judge([clips[1].cut(slice(8, 32))])
    x = game.codec.encode(clips[1])[8:32]
    y = game.codec.encode(clips[1].cut(slice(8, 32)))
    torch.testing.assert_close(x[1:], y[1:], atol=1e-5, rtol=0)  # but for the first velocity
    assert (shifted.features - found.features[2]).abs().max() < 0.2


def test_a_start_is_where_the_last_frame_was():
    walk = walker_clip(0)
    game = gan()
    end = game.codec.end(walk)
    assert isinstance(end, Start)
    torch.testing.assert_close(end.place[0], walk.root[-1, [0, 2]])
