"""Checks of servers."""
