import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from multigan.config.recipe import make_recipe
from multigan.errors import CheckpointError
from multigan.plugins.text.data.oracle import Oracle
from multigan.plugins.text.data.oracle_corpus import SHIFT, load_oracle
from multigan.plugins.text.recipe import OracleData

SIZES = {"vocabulary_size": 9, "length": 5, "embedding": 4, "hidden": 6}


def written_out(oracle, sentence):
    """Nats of one sentence by a cell that is stepped by hand."""
    cell = nn.LSTMCell(4, 6)
    cell.load_state_dict(
        {key.removesuffix("_l0"): value for key, value in oracle.lstm.state_dict().items()}
    )
    state, token, total = (torch.zeros(1, 6), torch.zeros(1, 6)), 0, 0.0
    for word in sentence:
        state = cell(oracle.embedding.weight[token][None], state)
        total -= oracle.output(state[0]).log_softmax(1)[0, word].item()
        token = word
    return total


def test_nll_equals_a_loop_over_words():
    oracle = Oracle(**SIZES, seed=3)
    sentences = oracle.sample(20, seed=0)
    expected = sum(written_out(oracle, row) for row in sentences.tolist()) / sentences.numel()
    assert oracle.nll(sentences) == pytest.approx(expected, rel=1e-5)


def test_samples_have_the_oracles_distribution():
    oracle = Oracle(**{**SIZES, "length": 2}, seed=1)
    sentences = oracle.sample(40_000, seed=0)
    counts = torch.zeros(9, 9).index_put_(
        (sentences[:, 0], sentences[:, 1]), torch.tensor(1 / 40_000), accumulate=True
    )
    grid = torch.cartesian_prod(torch.arange(9), torch.arange(9))
    chances = torch.tensor([-written_out(oracle, row) for row in grid.tolist()]).exp().view(9, 9)
    torch.testing.assert_close(counts, chances, atol=0.008, rtol=0)
    assert chances.sum().item() == pytest.approx(1, abs=1e-5)
    # The NLL of its own samples estimates its entropy.
    entropy = -(chances * chances.log()).sum().item() / 2
    assert oracle.own_nll(count=40_000) == pytest.approx(entropy, abs=0.02)


def test_weights_are_standard_normal_and_seeded():
    oracle = Oracle(vocabulary_size=2000, seed=0)
    for name, value in oracle.state_dict().items():
        assert abs(value.mean()) < 0.2 and abs(value.std() - 1) < 0.15, name
    assert oracle.name == Oracle(vocabulary_size=2000, seed=0).name
    others = [Oracle(vocabulary_size=2000, seed=1), Oracle(vocabulary_size=2000, length=21)]
    assert len({oracle.name, *(other.name for other in others)}) == 3
    assert not any(parameter.requires_grad for parameter in oracle.parameters())


def test_weights_of_a_file(tmp_path):
    oracle = Oracle(**SIZES, seed=2)
    save_file(oracle.state_dict(), tmp_path / "oracle.safetensors")
    again = Oracle.from_file(tmp_path / "oracle.safetensors", length=5)
    assert again.name == oracle.name
    assert torch.equal(again.sample(7, seed=1), oracle.sample(7, seed=1))
    assert set(oracle.state_dict()) == {
        "embedding.weight", "lstm.weight_ih_l0", "lstm.weight_hh_l0", "lstm.bias_ih_l0",
        "lstm.bias_hh_l0", "output.weight", "output.bias",
    }  # fmt: skip


def test_a_file_that_is_no_oracle_is_one_line(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="is no oracle: it needs"):
        Oracle.from_file(path)
    save_file({**Oracle(**SIZES).state_dict(), "output.bias": torch.zeros(4)}, path)
    with pytest.raises(CheckpointError, match=r"output\.bias"):
        Oracle.from_file(path)
    with pytest.raises(CheckpointError):
        Oracle.from_file(tmp_path / "missing.safetensors")


def test_corpus_of_an_oracle():
    config = OracleData(**SIZES, sentences=30)
    oracle, corpus = load_oracle(config)
    assert len(corpus.train) == 30 and corpus.test.shape == (30, 5)
    assert not corpus.ends and corpus.train_rows().min() >= SHIFT
    first = corpus.vocabulary.decode(corpus.test[0])
    assert first.split() == [str(token - SHIFT) for token in corpus.test[0].tolist()]
    assert oracle.name == load_oracle(config)[0].name


def test_scores_carry_the_name_of_the_oracle():
    from multigan.training.phases import Noise
    from multigan.training.train import build_gan

    recipe = make_recipe(
        {
            "plugin": "text",
            "method": "seqgan",
            "data": {"source": "builtin:oracle", "oracle": {**SIZES, "sentences": 50}},
            "model": {"latents": 0, "embedding": 4, "hidden": 6},
            "evaluate": {"samples": 60},
        }
    )
    torch.manual_seed(0)
    gan = build_gan(recipe)
    scores = gan.evaluate(gan.networks.eval(), Noise(0))
    oracle = gan.task.oracle
    assert scores[f"own-nll@{oracle.name}"] == pytest.approx(
        oracle.nll(gan.task.corpus.test - SHIFT)
    )
    # A generator that knows nothing draws all nine words alike.
    with torch.no_grad():
        for parameter in gan.task.generator.parameters():
            parameter.zero_()
    scores = gan.evaluate(gan.networks, Noise(0))
    uniform = torch.tensor(9.0).log().item()
    for name in ("nll-test", "nll-gen", "nll-div"):
        assert scores[name] == pytest.approx(uniform, rel=1e-5)
    assert scores[f"nll-oracle@{oracle.name}"] > scores[f"own-nll@{oracle.name}"]
