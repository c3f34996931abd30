"""Counts of what happened in many interleavings."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """What happened in all interleavings."""

    interleavings: int = 0
    steps: int = 0
    asked: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    aws_calls: int = 0
    keys_refused: int = 0
    issued: int = 0
    revocations: int = 0
    ended_under_way: int = 0
    evicted: Counter[str] = field(default_factory=Counter)
    policy_changes: int = 0

    def lines(self) -> list[str]:
        """As sentences for people."""
        outcomes = ", ".join(f"{count:,} {name}" for name, count in self.outcomes.most_common())
        evicted = ", ".join(f"{count:,} {name}" for name, count in self.evicted.most_common())
        return [
            f"{self.interleavings:,} interleavings of {self.steps:,} steps",
            f"{self.asked:,} calls of users: {outcomes}",
            f"{self.issued:,} keys issued; {self.aws_calls:,} calls to AWS, {self.keys_refused:,} with keys it refused",
            f"{self.revocations:,} ends of sign-ins told, which ended {self.ended_under_way:,} calls under way",
            f"entries dropped: {evicted}; {self.policy_changes:,} changes of the policy",
        ]
