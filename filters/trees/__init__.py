"""Gradient-boosted trees as arrays: grown elsewhere, walked here without a library."""
