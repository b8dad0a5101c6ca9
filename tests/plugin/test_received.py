"""Oracle: a set of the numbers that came."""

from hypothesis import given
from hypothesis import strategies as st

from harness.plugin._received import Received

_stretches = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=15)


@given(_stretches, st.integers(0, 90))
def test_as_a_set_of_numbers(stretches: list[tuple[int, int]], given_out: int) -> None:
    received, came, repeated, most = Received(), set[int](), 0, 0
    for first, count in stretches:
        numbers = set(range(first, first + count))
        new = received.take(first, first + count)
        assert {number for a, b in new for number in range(a, b)} == numbers - came
        assert new == sorted(new)
        repeated += len(numbers & came)
        came |= numbers
        most = max(most, first + count)
    received.expect(given_out)
    most = max(most, given_out)
    assert (received.end, received.repeated) == (most, repeated)
    assert received.missing == len(set(range(most)) - came)
