import pytest

from ringback.listen.options import Mode, parse
from ringback.listen.text_warnings import with_text_warnings


@pytest.mark.parametrize(
    ("pairs", "warned"),
    [
        ([("keyterm", "Acme Corp"), ("keyterm", "Ratio 3:2 mix")], []),
        ([("keyterm", "Acme,Digium")], ["keyterm"]),
        ([("keyterm", "Acme:2")], ["keyterm"]),
        ([("keywords", "acme:2"), ("keywords", "digium")], []),
        ([("keywords", "acme:0"), ("keywords", "digium:-1.5")], ["keywords"]),
    ],
)
def test_terms_that_will_not_do_what_they_seem_to_bring_a_warning(
    pairs: list[tuple[str, str]], warned: list[str]
) -> None:
    options = with_text_warnings(parse(pairs, Mode.RECORDED), names=True)
    assert [warning.parameter for warning in options.warnings] == warned


def test_terms_are_keyterms_and_keywords_that_are_to_be_boosted() -> None:
    pairs = [("keyterm", "Acme Corp"), ("keywords", "digium:2"), ("keywords", "ssn"), ("keywords", "uh:-3")]
    assert parse(pairs, Mode.RECORDED).terms == ("Acme Corp", "digium", "ssn")
