from hypothesis import given
from hypothesis import strategies as st

from ai_core.law.ingest.layout import laid_out, table_markup, text_of_html

WORDS = st.text(alphabet="abcé1° ", max_size=12)
TAGS = st.sampled_from(["<p>", "</p>", "<br/>", "<td>", "</td>", "<tr>", "</tr>", "<b>", "</b>"])


def test_paragraphs_come_back_into_the_flat_text() -> None:
    assert laid_out("Un. Deux", "<p>Un.</p><p>Deux</p>") == "Un.\nDeux"


def test_the_cells_of_a_table_are_parted_by_tabs_and_its_rows_by_lines() -> None:
    html = "<table><tr><th><br/>Ans <p>(entiers)</p></th><th>Mois</th></tr><tr><td>0</td><td>1</td>"
    assert laid_out("Ans (entiers) Mois 0 1", html) == "Ans (entiers)\tMois\n0\t1"


def test_an_empty_first_cell_keeps_its_column() -> None:
    assert text_of_html("<tr><td></td><td>X</td></tr><tr><td></td><td>Y</td></tr>").endswith(
        "\n\tY"
    )


def test_words_cut_by_inline_tags_stay_whole() -> None:
    assert text_of_html("L. <a href='x'>1234</a>-1, <b>gras</b>sement") == "L. 1234-1, grassement"


def test_a_flat_text_that_differs_from_its_html_is_kept_as_it_is() -> None:
    assert laid_out("Ce texte", "<p>Un autre</p>") == "Ce texte"


@given(st.lists(st.one_of(WORDS, TAGS), max_size=30))
def test_laying_out_changes_white_space_only(parts: list[str]) -> None:
    html = "".join(parts)
    flat = " ".join(text_of_html(html).split())
    assert laid_out(flat, html).split() == flat.split()


def test_scripts_and_styles_leave_no_words() -> None:
    assert text_of_html("<style>p{}</style>Oui<script>alert(1)</script>") == "Oui"


def test_a_table_is_kept_without_links_attributes_or_scripts() -> None:
    table = '<table onclick="x()"><tr><td colspan="2" style="y">1 &lt; 2</td></tr></table>'
    kept = table_markup(f'{table}<a href="javascript:x()">n</a><script>alert(1)</script>')
    assert kept == '<table><tr><td colspan="2">1 &lt; 2</td></tr></table>n '


def test_html_without_a_table_is_not_kept() -> None:
    assert table_markup("<p>Un</p>") is None
