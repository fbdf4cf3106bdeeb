"""Drawing with graphviz, where it is installed, and the words where it is not."""

import shutil
from pathlib import Path

import pytest

from floodmark_sidecar import graphviz
from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.graphviz import DrawingError, draw
from tests.sidecar.fix_graphviz import only_dot

GRAPH = 'digraph g { n0 [label="shop.s"]; n1 [label="<b>&amp;"]; n0 -> n1; }'


def test_without_graphviz_the_words_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a thing to install, not an error of ours."""
    only_dot(tmp_path, monkeypatch, None)
    with pytest.raises(UsageError, match="graphviz is not installed") as caught:
        draw(GRAPH)
    assert caught.value.hint.startswith("install it (apt install graphviz)")


def test_only_the_picture_is_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the prolog with its address, nor the names of our nodes; it is drawn once."""
    only_dot(
        tmp_path,
        monkeypatch,
        "sys.stdin.read(); open('count', 'a').write('x')\n"
        'print(\'<?xml?>\\n<!DOCTYPE svg "http://x">\\n<!-- by -->\\n<svg a="1">\\n<title>n0</title>\\n<g/></svg>\')',
    )
    monkeypatch.chdir(tmp_path)
    assert draw(GRAPH) == draw(GRAPH) == '<svg a="1">\n<g/></svg>'
    assert (tmp_path / "count").read_text() == "x"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("sys.exit('syntax error in line 1\\nmore')", "graphviz could not draw: syntax error in line 1$"),
        ("sys.exit(3)", "graphviz could not draw: it ended with 3$"),
        ("print('nothing')", "graphviz drew no SVG$"),
        ("time.sleep(60)", "graphviz did not draw within 0.5 s$"),
    ],
)
def test_a_graphviz_that_fails_says_how(body: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence."""
    only_dot(tmp_path, monkeypatch, body)
    monkeypatch.setattr(graphviz, "_PATIENCE", 0.5)
    with pytest.raises(DrawingError, match=words):
        draw(GRAPH)


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed here")
def test_graphviz_itself() -> None:
    """A name is text in what it draws."""
    drawn = draw(GRAPH)
    assert drawn.startswith("<svg")
    assert drawn.endswith("</svg>")
    assert ">&lt;b&gt;&amp;<" in drawn
    assert "<title>" not in drawn
