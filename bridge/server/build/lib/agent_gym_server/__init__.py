"""Serves Gymnasium environments over ZeroMQ. The protocol is described in bridge/PROTOCOL.md."""

__version__ = "0.1.0"
