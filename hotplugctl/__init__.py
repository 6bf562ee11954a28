"""Say from inside a Linux guest whether PCI hot-plug works, through which mechanism, and if not, why."""

__version__ = "0.1.0"
