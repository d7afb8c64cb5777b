import pytest
import torch

from multigan.data.vocabulary import Vocabulary
from multigan.errors import CheckpointError, PluginError
from multigan.plugins.text.networks import LSTMGenerator
from multigan.plugins.text.pipeline import TextPipeline

WORDS = Vocabulary(["a", "cat", "sits", "."])


def pipeline_of(**facts):
    torch.manual_seed(0)
    generator = LSTMGenerator(vocabulary_size=8, embedding=4, hidden=6, latents=3)
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
