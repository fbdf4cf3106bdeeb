"""What a family is: a kind of trace with a known truth, and the parameters that a seed draws."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import numpy as np

from floodmark_sidecar.traces._draft import Draft, Label, Value

Kind = Literal["null", "leak"]

NEEDS: Final = 60.0
"""Seconds that any family needs to mean something."""


@dataclass(frozen=True, slots=True)
class Range:
    """A parameter between `low` and `high`, both included; `log` draws its logarithm evenly, `whole` whole numbers.

    A seed draws it up to `usual`, if given; more has to be asked for.
    """

    low: float
    high: float
    about: str
    log: bool = False
    whole: bool = False
    usual: float | None = None

    def draw(self, rng: np.random.Generator) -> Value:
        """Draw one; always takes one number from *rng*."""
        place = float(rng.random())
        high = self.high if self.usual is None else self.usual
        if self.whole:
            return min(int(self.low + place * (high - self.low + 1)), int(high))
        if self.log:
            return float(self.low * (high / self.low) ** place)
        return self.low + place * (high - self.low)

    def check(self, name: str, value: object) -> Value:
        """Return *value* if it is one of this range; raises `ValueError` otherwise."""
        number = math.nan
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            number = float(value)
        if not self.low <= number <= self.high or (self.whole and not number.is_integer()):
            what = "a whole number" if self.whole else "a number"
            msg = f"{name} must be {what} from {self.low:g} to {self.high:g} (got {value!r})"
            raise ValueError(msg)
        return int(number) if self.whole else number


@dataclass(frozen=True, slots=True)
class Choice:
    """A parameter that is one of `options`; a seed draws among the first `drawn` of them (0: all)."""

    options: tuple[Value, ...]
    about: str
    drawn: int = 0

    def draw(self, rng: np.random.Generator) -> Value:
        """Draw one; always takes one number from *rng*."""
        count = self.drawn or len(self.options)
        return self.options[int(rng.random() * count)]

    def check(self, name: str, value: object) -> Value:
        """Return *value* if it is one of the options; raises `ValueError` otherwise."""
        for option in self.options:
            if type(option) is type(value) and option == value:
                return option
        msg = f"{name} must be one of {', '.join(map(str, self.options))} (got {value!r})"
        raise ValueError(msg)


Variant: TypeAlias = Range | Choice


@dataclass(frozen=True)
class Family:
    """A kind of trace whose truth is known.

    `label` is what its traces are as a rule, `why` says why no evidence decides where that is "undecidable"; a trace's
    own `Truth` may differ where a parameter takes evidence away. `needs` are the seconds from which the family means
    something: shorter runs build, but show little of it. `variants` are the parameters with what a seed draws, `about`
    says what is drawn in seconds of its own and what scales with the run.
    """

    code: str
    name: str
    title: str
    kind: Kind
    label: Label
    why: str
    growth_class: str
    needs: float
    variants: Mapping[str, Variant]
    about: str
    build: Callable[[Draft], None]


Builder: TypeAlias = Callable[[Draft], None]


def null(
    code: str, name: str, title: str, *, why: str = "", needs: float = NEEDS, **variants: Variant
) -> Callable[[Builder], Family]:
    """Return what makes a family without a leak of the function below it; with *why* it is undecidable."""
    label: Label = "undecidable" if why else "steady"
    return lambda build: Family(
        code, name, title, "null", label, why, "none", needs, MappingProxyType(variants), build.__doc__ or "", build
    )


def leak(
    code: str,
    name: str,
    title: str,
    growth_class: str,
    *,
    why: str = "",
    needs: float = NEEDS,
    **variants: Variant,
) -> Callable[[Builder], Family]:
    """Return what makes a leaking family of the function below it; with *why* it is undecidable."""
    label: Label = "undecidable" if why else "climbing"
    return lambda build: Family(
        code,
        name,
        title,
        "leak",
        label,
        why,
        growth_class,
        needs,
        MappingProxyType(variants),
        build.__doc__ or "",
        build,
    )


def evidence(what: str) -> Choice:
    """Return the parameter that takes *what* out of a trace; by itself it stays."""
    return Choice((True, False), f"whether the trace has {what}", drawn=1)
