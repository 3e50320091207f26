"""InfraFabric: act on the real world only through signed adapters, and leave a proof of every act."""

__version__ = "0.1.0"
