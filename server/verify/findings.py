"""What a check of the rules found: a fault of the game, or a note that an author should read. Every check makes these."""

from attrs import frozen


@frozen
class Finding:
    """``where`` is file:line, or Class.field, where one is known. A note (not ``is_fault``) breaks nothing."""

    check: str
    text: str
    where: str = ""
    is_fault: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.text}" if self.where else self.text
