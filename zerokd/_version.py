__version__ = "0.1.0"
API_VERSION = 1  # grows when a plugin that was written for the number before may not work any more
