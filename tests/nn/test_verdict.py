"""The last layer of discriminators against what it is by definition."""

from __future__ import annotations

import pytest
import torch

from multigan.nn.verdict import Verdict, normalised


def test_projection_adds_an_inner_product():
    torch.manual_seed(0)
    verdict = Verdict(6, classes=3, labels="projection")
    h, labels = torch.randn(5, 6), torch.tensor([0, 1, 2, 1, 0])
    rows = verdict.real.weight[0] + verdict.label.weight[labels]
    expected = torch.stack([rows[i] @ h[i] for i in range(5)]) + verdict.real.bias
    torch.testing.assert_close(verdict(h, labels)[:, 0], expected)


@pytest.mark.parametrize("labels", ["none", "concatenate", "classifier"])
def test_others_do_not_look_at_the_label(labels):
    torch.manual_seed(0)
    verdict = Verdict(6, classes=3, labels=labels, bias=False)
    h = torch.randn(5, 6)
    found = verdict(h, torch.tensor([0, 1, 2, 1, 0]))
    torch.testing.assert_close(found, verdict(h, None))
    torch.testing.assert_close(found[:, :1], h @ verdict.real.weight.T)
    assert found.shape == (5, 4 if labels == "classifier" else 1)


def test_spectral_normalisation_is_of_every_layer():
    torch.manual_seed(0)
    verdict = Verdict(6, classes=3, labels="classifier", spectral=True)
    for _ in range(30):
        verdict(torch.randn(2, 6), None)
    verdict.eval()
    for layer in (verdict.real, verdict.classes):
        assert float(torch.linalg.matrix_norm(layer.weight.detach(), 2)) == pytest.approx(
            1, abs=1e-3
        )
    plain = torch.nn.Linear(2, 2)
    assert normalised(plain, False) is plain
