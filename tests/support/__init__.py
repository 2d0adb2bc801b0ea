"""Fakes, fixtures and real parts that several tests share."""
