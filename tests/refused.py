"""What a public function says of an argument that cannot be."""

import re

import pytest


def check_refused(call, name):
    """It refuses the argument of that name in one sentence that says what would be right."""
    with pytest.raises(ValueError, match=f"^Invalid {re.escape(name)}: ") as caught:
        call()
    said = str(caught.value)
    assert re.search(" must | may | need ", said)
    assert len(said.splitlines()) == 1
    assert len(said) < 250
