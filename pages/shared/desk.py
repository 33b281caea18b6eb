"""What a session has computed in the background: started, watched, stopped, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import streamlit as st

from pages.shared import jobs, kept
from pages.shared.jobs import Job, Step
from pages.shared.turns import Busy
from pages.shared.words import sentence

R = TypeVar("R")
T = TypeVar("T")


@dataclass
class Shown(Generic[R]):
    """A result on screen, and what has been made of it.

    Attributes:
        result: What there is.
        final: Whether no more will come.
    """

    result: R
    final: bool
    _made: dict[Any, Any] = field(default_factory=dict)

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """Return what ``make`` returned the first time."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


class Desk(Generic[R]):
    """One kind of computation: each session has one of it, small results are kept for all.

    In the session's state, behind the desk's prefix: ``job``, ``spec``, ``shown``, ``trouble``.
    """

    def __init__(
        self,
        prefix: str,
        name: str,
        keeps: Callable[[Any], bool],
        shown: Callable[[R, bool], Any] = Shown,
    ) -> None:
        """Make a desk.

        Args:
            prefix: What its keys in a session's state begin with.
            name: What a sentence calls the computation.
            keeps: Whether the result of a spec is small enough to be kept for others.
            shown: Makes what the pages draw, of a result and of whether it is final.
        """
        self.prefix, self.name, self.keeps, self.make = prefix, name, keeps, shown

    @property
    def job(self) -> Job[R] | None:
        """The session's job, running or ended; None if what is shown was not computed for it."""
        return self._get("job")

    @property
    def spec(self) -> Any:
        """The spec of what is on screen; None if nothing is."""
        return self._get("spec")

    @property
    def running(self) -> bool:
        """Whether the session's computation is on its way."""
        return self.job is not None and self.job.running

    @property
    def waiting(self) -> str:
        """Why the session's computation has not begun, in words."""
        if self.job is None or not (place := self.job.place):
            return "Waiting for its turn …"
        before = f"{place - 1} wait before it" if place > 1 else "it is the next"
        return f"Place {place} in the queue of this server: {before}"

    @property
    def trouble(self) -> str:
        """What is wrong with it, as a sentence; empty if nothing is."""
        text = self._get("trouble")
        if self.job is not None and self.job.state == "failed":
            text = f"the {self.name} failed: {self.job.error}"
        return sentence(text) if text else ""

    def shown(self, done: Callable[[R, Job[R]], None] | None = None) -> Any:
        """What there is to see; None until the first result.

        Args:
            done: Called once with a result that is complete.
        """
        held, current = self._get("shown"), self.job
        if current is None:
            return held
        final = not current.running  # asked first: what is the latest after the end is the last
        if current.latest is None:
            return held
        result = current.latest.result
        if held is None or held.result is not result or held.final != final:
            held = self._put("shown", self.make(result, final))
            if current.state == "done":
                self._remember(self.spec, result)
                if done is not None:
                    done(result, current)
        return held

    def start(self, spec: Any, work: Callable[[], Iterator[Step[R]]]) -> bool:
        """Compute; what was running is stopped. What somebody has just computed is there at once.

        Returns:
            Whether there is something to wait for or to see; else :attr:`trouble` says why not.
        """
        self.stop()
        self._put("trouble", None)
        known = self.known(spec)
        if known is not None:
            self._put("job", None)
            self._put("shown", self.make(known, True))
        else:
            try:
                self._put("job", jobs.start(work))
            except Busy as error:
                self._put("trouble", str(error))
                return False
        self._put("spec", spec)
        return True

    def known(self, spec: Any) -> R | None:
        """The result of a spec that somebody has just computed, if it is kept."""
        found = kept.look(self._key(spec)) if self.keeps(spec) else None
        return None if found is None else found.value

    def stop(self) -> None:
        """Stop the computation; what was computed is kept."""
        if self.job is not None:
            self.job.stop()

    def forget(self) -> None:
        """Show nothing until the next result."""
        self._put("shown", None)

    def _remember(self, spec: Any, result: R) -> None:
        if self.keeps(spec):
            kept.keep(self._key(spec), result)

    def _key(self, spec: Any) -> tuple[str, str]:
        return (self.name, spec.to_json())

    def _get(self, name: str) -> Any:
        return st.session_state.get(self.prefix + name)

    def _put(self, name: str, value: T) -> T:
        st.session_state[self.prefix + name] = value
        return value
