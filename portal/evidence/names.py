"""How names sort and are found; written in ``models.names`` so that ``access`` may use it too."""

from models.names import name_grams, name_key

__all__ = ["name_grams", "name_key"]
