"""Many interleavings, from a seed: the same seed runs the same ones again, with the same versions of the libraries."""

from collections.abc import Iterator
from typing import Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.interleavings.machine import TALLY, Interleaving
from tests.interleavings.tally import Tally

STEPS: Final = 15
_ROUND: Final = 2_000  # hypothesis remembers what it tried, so that rounds without end would need memory without end


def run(count: int, first_seed: int, *, shrink: bool = True) -> Iterator[Tally]:
    """Run at least `count` interleavings in rounds; after each the sum so far is yielded.

    Raises what fails, with the steps that lead there, as few as hypothesis finds when it may `shrink`.
    """
    begun_with = TALLY.interleavings
    number = first_seed
    while TALLY.interleavings - begun_with < count:
        _run_round(min(_ROUND, count - (TALLY.interleavings - begun_with)), number, shrink=shrink)
        number += 1
        yield TALLY


def _run_round(count: int, number: int, *, shrink: bool) -> None:
    @seed(number)
    class Seeded(Interleaving):
        """The machine, with the seed of its round."""

    run_state_machine_as_test(
        Seeded,
        settings=settings(
            max_examples=count,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
