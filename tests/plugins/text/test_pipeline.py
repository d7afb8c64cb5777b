import pytest
import torch

from multigan.data.vocabulary import Vocabulary
from multigan.errors import CheckpointError, PluginError
from multigan.plugins.text.networks.lstm import LSTMGenerator
from multigan.plugins.text.pipeline import TextPipeline

WORDS = Vocabulary(["a", "cat", "sits", "."])


def pipeline_of(labels=(), **facts):
    torch.manual_seed(0)
    generator = LSTMGenerator(
        vocabulary_size=8, embedding=4, hidden=6, latents=3, labels=len(labels)
    )
    facts = {"labels": list(labels), **facts}
    known = {"vocabulary": WORDS.to_dict(), "max_length": 5}
    return TextPipeline({"generator": generator}, {**known, **facts})


def test_seeds_reproduce_and_more_begin_with_the_same():
    pipe = pipeline_of()
    assert pipe(20, seed=3).texts == pipe(20, seed=3).texts != pipe(20, seed=4).texts
    assert pipe(1500, seed=3).texts[:1100] == pipe(1100, seed=3).texts
    assert pipe(0).texts == []
    assert pipe.sample(4, seed=3).texts == pipe(4, seed=3).texts


def test_length_and_temperature():
    pipe = pipeline_of()
    with torch.no_grad():
        pipe.generator.output.bias[2] = -100.0  # never ends
    assert {len(WORDS.split(text)) for text in pipe(50).texts} == {5}
    assert {len(WORDS.split(text)) for text in pipe(50, max_length=3).texts} == {3}
    wild = len(set(pipe(200, temperature=5.0).texts))
    assert wild > len(set(pipe(200, temperature=0.05).texts))
    assert pipe(9, temperature=0, seed=1).texts == pipe(9, temperature=0, seed=1).texts


def test_a_prompt_begins_every_sentence():
    pipe = pipeline_of()
    texts = pipe(30, prompt="a cat").texts
    assert all(text.startswith("a cat") for text in texts) and len(set(texts)) > 3
    with pytest.raises(PluginError, match=r"prompt 'a dog'.*dog"):
        pipe(1, prompt="a dog")
    with pytest.raises(PluginError, match="nothing is left to write"):
        pipe(1, prompt="a cat sits", max_length=3)


def test_top_k_and_top_p_narrow_the_choice():
    pipe = pipeline_of()
    greedy = pipe(40, temperature=0).texts
    assert pipe(40, top_k=1).texts == pipe(40, top_p=1e-6).texts == greedy
    assert len(set(pipe(200, top_k=2).texts)) < len(set(pipe(200).texts))
    for options in ({"top_k": -1}, {"top_p": 0}, {"top_p": 1.5}):
        with pytest.raises(PluginError, match="top_p"):
            pipe(1, **options)


def test_labels_are_asked_for_by_name_or_taken_in_turn():
    pipe = pipeline_of(labels=["calm", "wild"])
    assert pipe(5).labels == ["calm", "wild", "calm", "wild", "calm"]
    wild = pipe(40, label="wild")
    assert wild.labels == ["wild"] * 40
    assert wild.texts != pipe(40, label="calm").texts
    assert pipe(1500).texts[1400] == pipe(1401).texts[1400]
    with pytest.raises(PluginError, match="did you mean 'wild'"):
        pipe(1, label="wld")
    with pytest.raises(PluginError, match="has no labels"):
        pipeline_of()(1, label="wild")
    with pytest.raises(CheckpointError, match="labels and generator"):
        TextPipeline(pipe.components, {**pipe.facts, "labels": ["calm"]})


def test_nll_equals_a_loop_and_falls_where_the_temperature_fits():
    pipe = pipeline_of()
    tokens = WORDS.encode(["a cat sits.", "a cat"], max_length=6)
    latents = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    logs = (pipe.generator(tokens, latents) / 1.3).log_softmax(2)
    expected = -sum(
        logs[0, t, tokens[0, t]] + (logs[1, t, tokens[1, t]] if t < 3 else 0) for t in range(5)
    )
    assert pipe.nll(tokens, temperature=1.3) == pytest.approx(expected.item() / 8, rel=1e-5)
    own = pipe(2000, temperature=0.5).tokens
    assert pipe.nll(own, temperature=0.5) < pipe.nll(own, temperature=1.0)


def test_writes_one_sentence_a_line(tmp_path):
    pipe = pipeline_of()
    result = pipe(7, seed=1)
    assert pipe.save_samples(result, tmp_path / "out.txt") == [tmp_path / "out.txt"]
    assert (tmp_path / "out.txt").read_text().split("\n")[:-1] == result.texts


def test_refuses_nonsense():
    pipe = pipeline_of()
    for arguments in ({"temperature": -1}, {"max_length": 0}, {"temperature": float("nan")}):
        with pytest.raises(PluginError, match="temperature"):
            pipe(3, **arguments)
    with pytest.raises(PluginError):
        pipe(-1)
    for facts in ({"vocabulary": None}, {"max_length": "5"}, {"max_length": 0}):
        with pytest.raises(CheckpointError, match="damaged"):
            pipeline_of(**facts)
    with pytest.raises(CheckpointError, match="size"):
        pipeline_of(vocabulary=Vocabulary(["a"]).to_dict())
    with pytest.raises(CheckpointError, match="generator"):
        TextPipeline({}, {"vocabulary": WORDS.to_dict(), "max_length": 5})
