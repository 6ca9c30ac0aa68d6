"""A call that may meet a busy or broken network in, its result out: tried again until it works or patience ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from braincaption.errors import BrainError

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often and how long to wait.

    Attributes
    ----------
    attempts : int
    first_wait_s : float
        Doubled after each attempt.
    longest_wait_s : float
        Also the most that a server's ``Retry-After`` is heeded for.
    sleep : callable
    """

    attempts: int = 8
    first_wait_s: float = 2.0
    longest_wait_s: float = 300.0
    sleep: Callable[[float], None] = time.sleep

    def call(self, what: str, function: Callable[[], Result]) -> Result:
        """Return ``function()``, tried again after 429, 5xx, time-outs and dropped connections.

        Raises
        ------
        BrainError
            All attempts failed, or the server refused for a reason that waiting does not mend.
        """
        wait = self.first_wait_s
        for attempt in range(1, self.attempts + 1):
            try:
                return function()
            except Exception as wrapped:
                error = _behind(wrapped)
                if not passes(error):
                    raise BrainError(f"the Hub refused to {what}: {_short(error)}{_remedy(error)}") from error
                if attempt == self.attempts:
                    raise BrainError(
                        f"could not {what} in {attempt} attempts ({_short(error)}): run the same command again, what "
                        "is there stays there"
                    ) from error
                pause = min(max(wait, _asked(error)), self.longest_wait_s)
                print(f"{_short(error)}: trying again to {what} in {pause:.0f} s", file=sys.stderr)
                self.sleep(pause)
                wait *= 2
        raise AssertionError("unreachable: attempts is at least one")


def passes(error: BaseException) -> bool:
    """Tell whether `error` is of the kind that passes: rate limits, server errors, anything of the network."""
    status = _status(error)
    if status is not None:
        return status in (408, 429) or status >= 500
    # httpx, under whichever name this huggingface_hub has it, calls every failure of the network a TransportError.
    if type(error).__name__ == "OfflineModeIsEnabled":
        return False
    kinds = {kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith(("httpx", "httpcore"))}
    return bool(kinds & {"TransportError", "NetworkError", "ProtocolError", "TimeoutException"}) or isinstance(
        error, (ConnectionError, TimeoutError)
    )


def _behind(error: BaseException) -> BaseException:
    """Return what an error of huggingface_hub wraps, where that is an answer of the server or of the network."""
    seen: BaseException | None = error
    while seen is not None:
        if _status(seen) is not None or passes(seen):
            return seen
        seen = seen.__cause__
    return error


def _status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    return int(status) if status is not None else None


def _asked(error: BaseException) -> float:
    headers = getattr(getattr(error, "response", None), "headers", {}) or {}
    try:
        return float(headers.get("Retry-After", 0))
    except ValueError:
        return 0.0


def _short(error: BaseException) -> str:
    status = _status(error)
    text = " ".join(str(error).split())[:160] or type(error).__name__
    return f"{status}: {text}" if status is not None and str(status) not in text else text


def _remedy(error: BaseException) -> str:
    if _status(error) in (401, 403):
        return " (log in with `hf auth login`, with a token that may write there)"
    return ""
