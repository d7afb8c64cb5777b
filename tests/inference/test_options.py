import pytest

from multigan.errors import PluginError
from multigan.inference.options import parse_options


def sample(
    count: int,
    *,
    seed: int = 0,
    temperature: float = 1.0,
    top_k: int = 0,
    prompt: str = "",
    label: str | None = None,
    grid: bool = False,
    inner: list[int] | None = None,
) -> None: ...


def parse(*words):
    return parse_options(sample, words, taken=("seed",))


def test_options_are_read_by_their_annotations():
    given = parse("--temperature", "0.5", "--top-k=3", "--prompt", "a man", "--label=7", "--grid")
    assert given == {
        "temperature": 0.5, "top_k": 3, "prompt": "a man", "label": "7", "grid": True,
    }  # fmt: skip
    assert type(given["top_k"]) is int and type(given["label"]) is str
    assert parse() == {}
    assert parse("--grid", "false", "--prompt=--x=1") == {"grid": False, "prompt": "--x=1"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--temprature", "1"], "no --temprature; did you mean '--temperature'"),
        (["--seed", "1"], "no --seed"),
        (["--count", "1"], "no --count"),
        (["--inner", "1"], "no --inner"),
        (["more"], "no more"),
        (["--top-k", "0.5"], "--top-k is '0.5'; it has to be a whole number"),
        (["--temperature", "hot"], "it has to be a number"),
        (["--grid", "perhaps"], "it has to be true or false"),
        (["--prompt"], "--prompt needs a text"),
    ],
)
def test_mistakes_are_one_line(words, message):
    with pytest.raises(PluginError, match=message) as error:
        parse(*words)
    assert "\n" not in str(error.value)


def test_a_model_without_options():
    def plain(count: int, *, seed: int = 0) -> None: ...

    with pytest.raises(PluginError, match="no --label; it has no options"):
        parse_options(plain, ["--label", "1"], taken=("seed",))
