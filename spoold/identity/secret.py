"""A string that does not show itself: what people type to prove who they are."""


class Secret:
    """A password on its way to being checked.

    Tracebacks, logs and `repr` show that there is one, never which; the value leaves through `reveal`
    only. Python cannot wipe it from memory.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not copied into a stream")
