"""Sets of words, written as one text, and the names of the months. Pure."""


def words(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


_LONG_MONTHS = "january february march april may june july august september october november december"
SHORT_MONTHS = words("jan feb mar apr jun jul aug sep sept oct nov dec")
MONTHS = {name: name.capitalize() for name in (*_LONG_MONTHS.split(), *SHORT_MONTHS)}
"""As they are said, and as they are written."""
