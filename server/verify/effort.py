"""What one check of the rules has really tried, and what it has not, with the reason. Every check fills one in."""

from collections import Counter

from attrs import define, field


@define
class Effort:
    """``tried`` counts by the name of the thing: an input class, a hidden field, ``ticks``. ``untried`` has a reason for each name.

    A check whose ``needs`` were not tried at all says nothing: these are the names without which its title is not shown.
    """

    tried: Counter[str] = field(factory=Counter)
    untried: dict[str, str] = field(factory=dict)
    needs: list[str] = field(factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was tried that the check is about, though there is something to try."""
        return bool(self.needs) and not any(self.tried[name] for name in self.needs)

    def leave(self, name: str, why: str) -> None:
        """``name`` was not tried; the first reason is kept."""
        self.untried.setdefault(name, why)
