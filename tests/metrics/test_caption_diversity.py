import pytest

from multigan.metrics.caption_bleu import mutual_bleu
from multigan.metrics.caption_diversity import caption_diversity, vocabulary


def test_by_hand():
    # 6 words, of them 4 different; bigrams ab, bc, ad: 3 different, divided by the words.
    captions = [[list("ab"), list("bc"), list("ad")], [list("xx"), list("xx"), list("xx")]]
    found = caption_diversity(captions)
    assert found["div-1"] == pytest.approx((4 / 6 + 1 / 6) / 2)
    assert found["div-2"] == pytest.approx((3 / 6 + 1 / 6) / 2)
    assert found["mbleu-4"] == mutual_bleu(captions)[4]


def test_alike_and_unlike():
    alike = caption_diversity([[list("abcd")] * 5])
    unlike = caption_diversity([[[f"{n}{place}" for place in range(4)] for n in range(5)]])
    assert alike == pytest.approx({"div-1": 4 / 20, "div-2": 3 / 20, "mbleu-4": 1})
    assert unlike == pytest.approx({"div-1": 1, "div-2": 15 / 20, "mbleu-4": 0}, abs=1e-3)


def test_captions_without_words_are_not_varied():
    assert caption_diversity([[[], []]]) == {"div-1": 0, "div-2": 0, "mbleu-4": 0}


def test_refuses_what_does_not_compare():
    with pytest.raises(ValueError, match="two or more"):
        caption_diversity([[["a"]]])
    with pytest.raises(ValueError, match="two or more"):
        caption_diversity([])


def test_vocabulary():
    assert vocabulary([list("abc"), list("cd"), []]) == 4
