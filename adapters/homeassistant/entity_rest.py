"""homeassistant.entity over the REST API: the same, but for how the house is read."""

from .entity import Entities


class EntitiesByRest(Entities):
    rest = True
