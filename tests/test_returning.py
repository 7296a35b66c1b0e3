"""How often bars return: counted by hand on songs of letters."""

from lakhnes.evaluation.returning import Returns, returns_of, returns_of_songs
from rows import row_song


def letters(text):
    return [() if letter == "." else ((0, 0, ord(letter)),) for letter in text]


def test_a_bar_returns_from_the_nearest_one_that_is_like_it():
    assert returns_of(letters("ABAB")) == ([2, 2], 4)
    assert returns_of(letters("AABA")) == ([1, 2], 4)
    assert returns_of(letters("A..A")) == ([3], 2)  # silence does not return
    assert returns_of([]) == ([], 0)


def test_a_section_returns_whole_or_not_at_all():
    returns = Returns()
    returns.add(letters("ABCDABCDABCX"))
    assert (returns.songs, returns.bars, returns.returning) == (1, 12, 7)
    assert returns.distances == {4: 7}
    assert returns.sections[4] == (9, 4)  # ABCD, BCDA, CDAB and DABC; ABCX is another
    assert returns.sections[8] == (5, 0)
    assert returns.shares == [7 / 12]


def test_songs_are_counted_by_their_bars():
    assert returns_of_songs([row_song(8), row_song(4)]).songs == 2
