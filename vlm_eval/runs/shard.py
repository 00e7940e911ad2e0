"""A share of a run's requests, for machines that work on one experiment without knowing of each other."""

from dataclasses import dataclass

from vlm_eval.errors import ExperimentError

_DIGITS = 16
_SPACE = 16**_DIGITS
BEYOND = "g"  # above every key, whose digits end at f


@dataclass(frozen=True, slots=True)
class Shard:
    """The requests whose keys lie in the i-th of n equal parts of all keys.

    Keys are digests, so each part gets about as many requests; and a request stays in its part when the run grows,
    as long as n stays. Rounds after the first follow their first round, wherever their own keys lie.
    """

    index: int  # from 1
    count: int

    @property
    def bounds(self) -> tuple[str, str]:
        """Return the first key of the share and the first key behind it, as text that compares like keys do."""
        return self._edge(self.index - 1), self._edge(self.index)

    def holds(self, key: str) -> bool:
        """Say whether a request is in this share."""
        low, high = self.bounds
        return low <= key < high

    def _edge(self, part: int) -> str:
        return BEYOND if part == self.count else f"{_SPACE * part // self.count:0{_DIGITS}x}"

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def parse_shard(text: str) -> Shard:
    """Read `i/n`, i from 1 to n. Raises ExperimentError."""
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise ExperimentError(
            f"--shard is {text!r}; write i/n with i from 1 to n, such as 1/8 for the first of eight. "
            "(A SLURM array that counts from 0 needs --array=1-8.)"
        )
    return Shard(int(index), int(count))
