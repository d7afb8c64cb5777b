import pytest
import torch

from multigan.metrics.retrieval import recall_at


def straightforward(scores, pictures, k):
    """Share of pictures and of captions that have one of theirs among the first k."""
    rows, columns = scores.shape
    by_picture = by_caption = 0
    for i in range(rows):
        others = sorted((scores[i, c] for c in range(columns) if pictures[c] != i), reverse=True)
        best = max(scores[i, c] for c in range(columns) if pictures[c] == i)
        by_picture += k > len(others) or best > others[k - 1]
    for c in range(columns):
        others = sorted((scores[i, c] for i in range(rows) if pictures[c] != i), reverse=True)
        by_caption += k > len(others) or scores[pictures[c], c] > others[k - 1]
    return float(by_picture / rows), float(by_caption / columns)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_equals_the_definition(k):
    torch.manual_seed(k)
    pictures = torch.arange(12).repeat_interleave(3)[torch.randperm(36)]
    scores = torch.randn(12, 36) + 1.5 * (torch.arange(12)[:, None] == pictures)
    found = recall_at(scores, pictures, ks=(k,))
    expected = straightforward(scores, pictures.tolist(), k)
    assert (found[f"caption-recall@{k}"], found[f"picture-recall@{k}"]) == pytest.approx(expected)


def test_by_hand():
    #                   captions 0 and 1 are picture 0's, 2 is picture 1's
    scores = torch.tensor([[0.1, 0.9, 0.5], [0.2, 0.3, 0.25]])
    found = recall_at(scores, torch.tensor([0, 0, 1]), ks=(1, 2))
    assert found == pytest.approx(
        {
            "caption-recall@1": 0.5,
            "caption-recall@2": 1,
            "picture-recall@1": 1 / 3,
            "picture-recall@2": 1,
        }
    )


def test_scoring_everything_alike_finds_nothing():
    found = recall_at(torch.zeros(4, 4), torch.arange(4), ks=(1, 3, 4))
    assert [found["caption-recall@1"], found["picture-recall@3"]] == [0, 0]
    assert found["caption-recall@4"] == 1


def test_infinite_scores_are_ranked():
    scores = torch.full((2, 2), -torch.inf)
    assert list(recall_at(scores, torch.arange(2), ks=(1, 2)).values()) == [0, 1, 0, 1]
    scores.fill_diagonal_(torch.inf)
    assert recall_at(scores, torch.arange(2), ks=(1,))["caption-recall@1"] == 1


def test_refuses_what_has_no_value():
    with pytest.raises(ValueError, match="not a number"):
        recall_at(torch.full((2, 2), torch.nan), torch.arange(2))
    with pytest.raises(ValueError, match="needs a caption"):
        recall_at(torch.zeros(2, 2), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ValueError, match="one of the pictures"):
        recall_at(torch.zeros(2, 3), torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match="must be"):
        recall_at(torch.zeros(2, 3), torch.arange(2))
