"""Seeded mutation fuzzers for every parser that reads bytes from outside."""
