"""Reading actions off clips and playing them: who learns what, what is scored, what is written."""

from __future__ import annotations

from contextlib import closing

import pytest
import torch
from PIL import Image

import multigan
from multigan.config.recipe import make_recipe
from multigan.data.film import open_film
from multigan.errors import RecipeError
from multigan.plugins.video.animate.evaluation import Transfer, _apart
from multigan.plugins.video.animate.gan import Animate
from multigan.plugins.video.mocogan.recipe import VideoEvaluate
from multigan.plugins.video.networks.actions import ActionExtractor, Animator, outlines
from multigan.plugins.video.networks.pictures import _Gate
from multigan.training.phases import Noise, Step
from multigan.training.train import train

MODEL = {"actions": 3, "motion": 5, "width": 4, "discriminator_width": 4, "widest": 8}


def recipe(sheets, **sections):
    given = {
        "plugin": "video",
        "method": "animate",
        "data": {
            "source": str(sheets), "size": 32, "frames": 4, "short": "loop", "held_out": 4,
        },
        "model": MODEL,
        "train": {"batch_size": 3, "threads": 1, "trackers": [], "device": "cpu"},
        "steps": {"reconstruction": 2, "adversarial": 2, "actions": 2},
    }  # fmt: skip
    return make_recipe(given | sections)


def make(sheets, **sections):
    torch.manual_seed(0)
    return Animate(recipe(sheets, **sections))


def batch(gan, numbers=(0, 7, 14)):
    torch.manual_seed(0)
    samples = [gan.data[i] for i in numbers]
    return {key: torch.stack([s[key] for s in samples]) for key in samples[0]}


def touched(network):
    return any(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def play(gan, phase, data):
    for name, network in gan.networks.items():
        network.requires_grad_(name in gan.groups[phase.updates])
        network.zero_grad()
    losses = phase.loss(data, Step(0, 10, Noise(0)))
    torch.stack(list(losses.values())).sum().backward()
    learnt = {name for name, network in gan.networks.items() if touched(network)}
    assert learnt == set(gan.groups[phase.updates])
    return losses


def test_portraits_show_the_same_character(sheets):
    gan = make(sheets)
    for i in range(0, 27, 4):
        sample = gan.data[i]
        group = gan.data.reels[i].group
        own = torch.cat(
            [gan.data.frames(j, torch.arange(reel.count())) for j, reel in enumerate(gan.data.reels)
             if reel.group == group]
        )  # fmt: skip
        assert (own == sample["portrait"]).flatten(1).all(1).any()


def test_actions_come_from_what_is_seen_and_from_how_it_changed():
    torch.manual_seed(0)
    extractor = ActionExtractor(size=32, actions=3, features=6, width=4, widest=8).eval()
    clip = torch.rand(1, 4, 3, 32, 32)
    h = extractor.read(outlines(clip[0]))
    change = torch.stack([torch.zeros(6), h[1] - h[0], h[2] - h[1], h[3] - h[2]])
    expected = extractor.spread(extractor.head(torch.cat([h, change], dim=1))).tanh()
    torch.testing.assert_close(extractor(clip)[0], expected)
    # Nothing that comes later changes an action.
    torch.testing.assert_close(extractor(clip[:, :2])[0], expected[:2])


def test_outlines_are_the_same_in_any_colours():
    torch.manual_seed(0)
    picture = 2 * torch.rand(2, 3, 8, 8) - 1
    drawn = outlines(picture)
    for same in (picture[:, [2, 0, 1]], -picture, picture * torch.tensor([1, -1, 1])[:, None, None],
                 0.5 * picture - 0.3):  # fmt: skip
        torch.testing.assert_close(outlines(same), drawn, rtol=1e-3, atol=1e-4)
    blank = torch.ones(1, 3, 4, 4, requires_grad=True)
    assert outlines(blank).max() < 1e-4
    outlines(blank).sum().backward()
    assert blank.grad.isfinite().all()
    # A black square of 2 x 2 pixels on white: eight edges of strength 1 in 2 x 16 places.
    square = torch.ones(1, 1, 4, 4)
    square[..., 1:3, 1:3] = 0
    across = torch.zeros(4, 4)
    across[1:3, [0, 2]] = 1 / (8 * 8 / 32)
    expected = torch.stack([across, across.T])
    torch.testing.assert_close(outlines(square)[0], expected, rtol=1e-3, atol=1e-3)


def test_a_closed_gate_shows_nothing_of_the_portrait_and_an_open_one_all():
    torch.manual_seed(0)
    gate = _Gate(2)
    drawn, seen = torch.rand(6, 2, 4, 4), torch.rand(3, 2, 4, 4)
    for value, share in ((-99.0, 0.0), (0.0, 0.5), (99.0, 1.0)):
        torch.nn.init.zeros_(gate.drawn.weight)
        torch.nn.init.zeros_(gate.seen.weight)
        torch.nn.init.constant_(gate.drawn.bias, value)
        expected = drawn + share * seen[[0, 0, 1, 1, 2, 2]]
        torch.testing.assert_close(gate(drawn, seen), expected)


def test_each_phase_trains_its_own_networks_on_its_own_loss(sheets):
    gan = make(sheets)
    alone, game, actions = gan.stages()
    data = batch(gan)
    assert set(play(gan, alone.phases[0], data)) == {"reconstruction"}
    assert set(play(gan, game.phases[0], data)) == {"frames", "clips"}
    losses = play(gan, game.phases[1], data)
    assert set(losses) == {"reconstruction", "frames", "clips", "cycle", "content"}
    with torch.no_grad():
        read = gan.extractor(data["video"])
        own = gan.animator(data["portrait"], read)
        swapped = gan.animator(data["portrait"][[1, 2, 0]], read)
        again = gan.extractor(swapped)
    expected = 50 * (own - data["video"]).abs().mean()
    torch.testing.assert_close(losses["reconstruction"], expected)
    torch.testing.assert_close(losses["cycle"], 5 * (again - read).square().mean())
    # Judges, cycle and content teach the animator only, or actions would all become the same.
    learnt = gan.extractor.head.weight.grad.clone()
    gan.extractor.zero_grad()
    gan.extractor.requires_grad_(True)
    own = gan.animator(data["portrait"], gan.extractor(data["video"]))
    (50 * (own - data["video"]).abs().mean()).backward()
    torch.testing.assert_close(gan.extractor.head.weight.grad, learnt)
    assert actions.phases[0].repeat == 5
    assert set(play(gan, actions.phases[0], data)) == {"wasserstein", "gradient-penalty"}
    assert set(play(gan, actions.phases[1], data)) == {"wasserstein"}


def test_an_animation_keeps_its_time(sheets):
    torch.manual_seed(0)
    animator = Animator(size=32, actions=3, motion=5, width=4, widest=8).eval()
    portrait, actions = torch.rand(2, 3, 32, 32), torch.rand(2, 6, 3)
    whole = animator(portrait, actions)
    torch.testing.assert_close(animator(portrait, actions[:, :4]), whole[:, :4])
    assert not torch.allclose(animator(portrait.flip(0), actions), whole)


def test_scores_of_a_perfect_and_of_a_lazy_animator(sheets):
    """One that plays the driving clip itself, and one that repeats the portrait."""
    data = recipe(sheets).data
    transfer = Transfer(VideoEvaluate(), data, device=torch.device("cpu"))
    assert len(transfer.drivers) == 9 and sorted(transfer.portraits) == sorted(transfer.drivers)

    class Lazy(torch.nn.Module):
        def forward(self, portrait, actions):
            return portrait[:, None].expand(-1, 4, -1, -1, -1)

    scores = transfer(lambda clip: clip, Lazy())
    assert scores["reconstruction"] == pytest.approx(scores["reconstruction-copy"])
    assert scores["looks-colours"] == 0.0 and scores["looks-colours-real"] > 0
    scores = transfer(lambda clip: clip, _Copying())
    assert scores["reconstruction"] == 0.0
    assert scores["looks-colours"] > scores["looks-colours-real"]  # another character's colours
    assert scores["looks-colours-driving"] == pytest.approx(scores["looks-colours-real"])
    assert scores["transfer-error"] > 0
    one = torch.ones(1, 3, 4, 4)
    assert float(_apart(one, -one[:, None])) == pytest.approx(2**0.5)


def test_the_truth_is_the_portraits_character_doing_what_is_driven(sheets):
    transfer = Transfer(VideoEvaluate(), recipe(sheets).data, device=torch.device("cpu"))
    reels = transfer.clips.reels
    for portrait, driver, truth in zip(
        transfer.portraits, transfer.drivers, transfer.truths, strict=True
    ):
        assert reels[truth].group == reels[portrait].group
        assert reels[truth].label == reels[driver].label
    stills = transfer._stacked(transfer.truths)

    class Knowing(torch.nn.Module):
        def forward(self, portrait, clip):
            return stills

    scores = transfer(lambda clip: clip, Knowing())
    assert scores["transfer-error"] == 0.0 < scores["transfer-error-copy"]


class _Copying(torch.nn.Module):
    def forward(self, portrait, clip):
        return clip


def test_a_trained_model_animates_on_the_command_line(sheets, film, cli, tmp_path):
    run = train(recipe(sheets), name="x", output=tmp_path / "run", quiet=True)
    driving = film(tmp_path / "dance.gif", 9, size=48)
    Image.new("RGBA", (70, 40), (255, 0, 0, 0)).save(tmp_path / "me.png")
    words = ["animate", tmp_path / "me.png", "--driving", driving, "--model", run]
    shown = cli(*words, "-o", tmp_path / "out.mp4")
    assert shown.code == 0, shown.err
    with closing(open_film(tmp_path / "out.mp4")) as reader:
        assert len(list(reader.frames())) == 9 and reader.film.rate == 10
    pipe = multigan.pipeline(run)
    clip = pipe(tmp_path / "me.png", driving=driving).clips
    assert clip.shape == (1, 9, 3, 32, 32)
    shown = cli("sample", run, "-n", 2, "--length", 5, "--portrait", tmp_path / "me.png",
                "-o", tmp_path / "made")  # fmt: skip
    assert shown.code == 0, shown.err
    assert len(list((tmp_path / "made").glob("*.mp4"))) == 2
    for other, message in (
        (cli("sample", run, "-o", tmp_path / "x"), "name one with --portrait"),
        (cli(*words[:3], words[1], *words[4:], "-o", tmp_path / "y.mp4"), "1 frame is no film"),
        (cli(*words, "-o", tmp_path / "y.xyz"), "cannot write this kind of film"),
    ):
        assert other.code == 2 and message in other.err and other.err.count("\n") == 1, other.err


def test_long_films_are_read_in_pieces(sheets, film, tmp_path, monkeypatch):
    from multigan.plugins.video.animate import pipeline as module

    run = train(recipe(sheets), name="x", output=tmp_path / "run", quiet=True)
    driving = film(tmp_path / "dance.gif", 9)
    pipe = multigan.pipeline(run)
    whole, _ = pipe.actions(driving)
    monkeypatch.setattr(module, "CHUNK", 4)
    torch.testing.assert_close(pipe.actions(driving)[0], whole, rtol=1e-4, atol=1e-5)


def test_mistakes_are_told(sheets):
    with pytest.raises(RecipeError, match="batch_size=2 at least"):
        recipe(sheets, train={"batch_size": 1})
