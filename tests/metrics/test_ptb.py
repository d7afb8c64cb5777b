import pytest

from multigan.metrics.ptb import ptb_tokens

# What CoreNLP 3.4.1 and coco-caption's list of marks to drop make of these.
CASES = [
    (
        "A man's T-shirt isn't black/white; it's fun.",
        "a man 's t-shirt is n't black/white it 's fun",
    ),
    ("He'll, they've, I'm, I'd: you're", "he 'll they 've i 'm i 'd you 're"),
    ("Don't! can't, won't", "do n't ca n't wo n't"),
    ("the dog\u2019s \u201cbed\u201d \u2013 here", "the dog 's bed here"),
    ("the kids' toys and James' hat", "the kids toys and james hat"),
    ("a \"STOP\" sign and a 'GO' sign", "a stop sign and a go sign"),
    ("3 o'clock at 5:30pm, 1,000 people", "3 o'clock at 5:30 pm 1,000 people"),
    ("two cats,one dog.A bird", "two cats one dog.a bird"),
    (
        "a 2-story house on St. James Ave. at 10 a.m.",
        "a 2-story house on st. james ave. at 10 a.m.",
    ),
    ("AT&T and H&M but r&b", "at&t and h&m but r & b"),
    ("wait... what? -- yes - no", "wait what yes no"),
    ("50% of $5 is #1", "50 % of $ 5 is # 1"),
    ("a cannot, gonna", "a can not gon na"),
    ("rock 'n' roll, ma'am", "rock 'n' roll ma'am"),
    ("a (small) [red] ball", "a -lrb- small -rrb- -lsb- red -rsb- ball"),
    ("look!! a <unk> runs", "look !! a <unk> runs"),
    ("a café, naïve", "a café naïve"),
    ("mr. smith has no. 5, no more.", "mr. smith has no. 5 no more"),
    ("a plane in the u.s.", "a plane in the u.s."),
    (" \t. , - ' \n", ""),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_equals_the_java_program(text, expected):
    assert ptb_tokens(text) == expected.split()
