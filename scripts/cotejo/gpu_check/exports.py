"""Checks of exports."""
