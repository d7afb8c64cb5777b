"""Pictures back to latents: where the answer is known, and where it must beat the start by far."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import multigan
from multigan.errors import DataError, PluginError
from multigan.plugins.image.latent.pictures import as_made
from multigan.plugins.image.latent.projection import project
from multigan.plugins.image.networks.dcgan import DCGANGenerator

Z = 4


class Linear(nn.Module):
    """Pictures (1, 6, 6) that are linear in the latents; a class is a picture added to them."""

    def __init__(self, classes=0):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("basis", 0.12 * torch.randn(36, Z, generator=generator))
        self.register_buffer("own", 0.4 * torch.randn(max(classes, 1), 36, generator=generator))

    def forward(self, latents, labels=None):
        offset = 0 if labels is None else self.own[labels]
        return (latents @ self.basis.T + offset).view(-1, 1, 6, 6)


class Encoder(nn.Module):
    def __init__(self, generator):
        super().__init__()
        self.inverse = torch.linalg.pinv(generator.basis)

    def forward(self, images):
        return images.flatten(1) @ self.inverse.T


def on_the_sphere(count, seed=1):
    latents = torch.randn(count, Z, generator=torch.Generator().manual_seed(seed))
    return math.sqrt(Z) * latents / latents.norm(dim=1, keepdim=True)


def test_latents_of_a_linear_generator_are_found_exactly():
    generator, truth = Linear(), on_the_sphere(3)
    found = project(generator, generator(truth), latents=Z, starts=50)
    torch.testing.assert_close(found.points.latents, truth, atol=0.02, rtol=0)
    assert (found.distances < 0.002).all() and (found.starts > 10 * found.distances).all()
    assert (found.explained > 0.999).all()


def test_an_encoder_is_the_start_and_distances_are_root_mean_squares():
    generator, truth = Linear(), on_the_sphere(2)
    made = generator(truth)
    found = project(generator, made, latents=Z, encoder=Encoder(generator), steps=0)
    torch.testing.assert_close(found.points.latents, truth)
    assert (found.distances < 1e-6).all() and torch.equal(found.distances, found.starts)
    away = project(generator, made + 0.3, latents=Z, encoder=lambda _: truth, steps=0)
    expected = ((made + 0.3) / 2 - made / 2).square().mean(dim=(1, 2, 3)).sqrt()
    torch.testing.assert_close(away.distances, expected)
    variance = (made / 2).flatten(1).var(dim=1, correction=0)
    torch.testing.assert_close(away.explained, 1 - expected**2 / variance)


def test_classes_are_found_or_taken_as_given():
    generator, truth = Linear(classes=3), on_the_sphere(6)
    labels = torch.tensor([0, 1, 2, 2, 1, 0])
    pictures = generator(truth, labels)
    found = project(generator, pictures, latents=Z, classes=3, starts=90, steps=20)
    assert torch.equal(found.points.labels, labels)
    wrong = (labels + 1) % 3
    forced = project(generator, pictures, latents=Z, classes=3, labels_B=wrong, steps=20)
    assert torch.equal(forced.points.labels, wrong)
    assert (forced.distances > 2 * found.distances).all()
    encoder = Encoder(generator)  # it knows no classes, so these are still looked for
    both = project(generator, pictures, latents=Z, classes=3, encoder=encoder, starts=90, steps=0)
    assert torch.equal(both.points.labels, labels)


def test_a_batch_is_projected_like_each_picture_alone_and_a_seed_like_itself():
    generator = DCGANGenerator(size=8, channels=1, latents=Z, width=4).eval().requires_grad_(False)
    pictures = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(2)) * 2 - 1
    settings = {"latents": Z, "starts": 20, "steps": 10}
    whole = project(generator, pictures, **settings).points.latents
    assert torch.equal(whole, project(generator, pictures, **settings).points.latents)
    alone = project(generator, pictures[17:18], **settings).points.latents
    torch.testing.assert_close(alone, whole[17:18], atol=1e-4, rtol=1e-4)
    other = project(generator, pictures, seed=1, **settings).points.latents
    assert not torch.allclose(whole, other, atol=1e-2)


def test_own_pictures_are_found_far_nearer_than_the_nearest_of_many():
    digits = multigan.pipeline("digits")
    given = digits(3, seed=3)
    found = digits.project(given.tensor, starts=500, steps=100)
    assert (found.distances < 0.4 * found.starts).all() and (found.explained > 0.9).all()
    shown = digits.decode(found.points.latents, found.points.labels).tensor
    error = shown.sub(given.tensor).square().mean((1, 2, 3)).sqrt()
    torch.testing.assert_close(error, found.distances, atol=1e-4, rtol=0)
    with pytest.raises(PluginError, match="no class 'cat'"):
        digits.project(given.tensor, label="cat")


def test_files_and_images_become_pictures_like_the_models(tmp_path):
    like = torch.zeros(3, 16, 16)
    wide = np.zeros((32, 64, 3), np.uint8)
    wide[:, 16:48] = (255, 0, 51)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    given = [tmp_path / "wide.png", Image.fromarray(wide)]
    x = as_made(given, like_CHW=like, colours="rgb")
    assert x.shape == (2, 3, 16, 16) and torch.equal(x[0], x[1])
    torch.testing.assert_close(x[0, :, 8, 8], torch.tensor([1.0, -1.0, -0.6]))  # the middle square
    grey = as_made(given[1], like_CHW=torch.zeros(1, 16, 16), colours="grey")
    assert grey[0, 0, 8, 8] == pytest.approx(round(0.299 * 255 + 0.114 * 51) / 127.5 - 1)
    half = Image.new("RGBA", (16, 16), (200, 100, 0, 128))
    rgba = as_made(half, like_CHW=torch.zeros(4, 16, 16), colours="rgba")
    expected = torch.tensor([round(200 * 128 / 255), round(100 * 128 / 255), 0, 128]) / 127.5 - 1
    torch.testing.assert_close(rgba[0, :, 0, 0], expected)
    for wrong in (torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 16, 16, dtype=torch.uint8), []):
        with pytest.raises(DataError):
            as_made(wrong, like_CHW=like, colours="rgb")
