"""The gallery's cards and the presenter mode that walks through them."""

from pages.shared.gallery.cards import cards
from pages.shared.gallery.presenter import presenter, read_address

__all__ = ["cards", "presenter", "read_address"]
